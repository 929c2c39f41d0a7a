// Cuts a container's output into the logs of its activations at the end-of-activation markers. It stores nothing beyond
// the activations under way and keeps to the action's log limit. Of several activations that run at once, each gets what was
// written between two ends, in the order in which they end: their lines mix, as with the stock invoker, which reads on from where
// it read last.
import type { LogListener } from './drivers/driver.ts';

/** The line both streams end an activation with (OpenWhisk's ActionProxy contract). */
export const sentinel = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

/** OpenWhisk's words in the log of an activation whose log is not all there. */
const logFailure = 'There was an issue while collecting your logs. Data might be missing.';
const logWarningDeveloperError = 'The action did not initialize or run as expected. Log data might be missing.';

export interface CollectedLogs {
  /** In OpenWhisk's form: `time stream: text`. */
  readonly lines: string[];
  /** False when an end marker never came: what the container writes later would be taken for another activation's. */
  readonly isComplete: boolean;
}
export const noLogs: CollectedLogs = { lines: [], isComplete: true };

/** To be called once the reply is there; says whether the action failed to initialise or to run. */
export type FinishLogs = (isDeveloperError: boolean) => Promise<CollectedLogs>;

/** What was written up to one end marker on each stream. */
interface Section {
  readonly limitBytes: number;
  readonly lines: string[];
  readonly open: Set<'stdout' | 'stderr'>;
  bytes: number;
  truncated: boolean;
  isClaimed: boolean;
  /** Called when both markers are there, once it is claimed. */
  whenComplete: () => void;
}

export interface LogCollectorOptions {
  /** How long after the reply a missing marker is waited for. */
  readonly markerTimeoutMs: number;
  /** The same after a failure, when a marker may never come. */
  readonly failedMarkerTimeoutMs: number;
  /** Epoch milliseconds, for the time stamp of a line. */
  readonly now: () => number;
}

/** Collects the logs of one container; activations that run at once are all of one action. */
export class LogCollector {
  private readonly options: LogCollectorOptions;
  /** Begun and not ended. */
  private runningCount = 0;
  private limitBytes = 0;
  /** In order, never more than run: those that are complete and claimed are gone. */
  private sections: Section[] = [];

  constructor(options: LogCollectorOptions) {
    this.options = options;
  }

  /** To be registered with the container. Output outside of an activation is nobody's and is dropped. */
  readonly listener: LogListener = (stream, line, time) => {
    const open = this.sections.find((section) => section.open.has(stream));
    if (open === undefined && this.sections.length >= this.runningCount) return;
    const section = open ?? this.addSection();
    if (line.endsWith(sentinel)) {
      const rest = line.slice(0, -sentinel.length);
      if (rest !== '') this.add(section, stream, rest, time);
      section.open.delete(stream);
      if (section.open.size === 0) section.whenComplete();
      return;
    }
    this.add(section, stream, line, time);
  };

  /**
   * Starts collecting for one activation; `limitBytes` bounds what is kept.
   * @returns what resolves with the log when both markers have been seen or their time is over
   */
  begin(limitBytes: number): FinishLogs {
    if (this.runningCount === 0) this.sections = [];
    this.runningCount += 1;
    this.limitBytes = limitBytes;
    return async (isDeveloperError) => {
      const section = this.sections.find(({ isClaimed }) => !isClaimed) ?? this.addSection();
      section.isClaimed = true;
      await this.complete(section, isDeveloperError);
      this.sections.splice(this.sections.indexOf(section), 1);
      this.runningCount -= 1;
      if (isDeveloperError) section.lines.push(this.format('stderr', logWarningDeveloperError));
      return { lines: section.lines, isComplete: section.open.size === 0 };
    };
  }

  /** Resolves when both markers have been seen or their time is over. */
  private complete(section: Section, isDeveloperError: boolean): Promise<void> {
    if (section.open.size === 0) return Promise.resolve();
    const { markerTimeoutMs, failedMarkerTimeoutMs } = this.options;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        if (!isDeveloperError) section.lines.push(this.format('stderr', logFailure));
        resolve();
      }, isDeveloperError ? failedMarkerTimeoutMs : markerTimeoutMs);
      section.whenComplete = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private addSection(): Section {
    const section: Section = { limitBytes: this.limitBytes, lines: [], open: new Set(['stdout', 'stderr']), bytes: 0, truncated: false, isClaimed: false, whenComplete: () => undefined };
    this.sections.push(section);
    return section;
  }

  private add(section: Section, stream: 'stdout' | 'stderr', text: string, time: string | undefined): void {
    if (section.truncated) return;
    const line = this.format(stream, text, time);
    section.bytes += Buffer.byteLength(line);
    if (section.bytes > section.limitBytes) {
      section.truncated = true;
      section.lines.push(this.format('stderr', `Logs were truncated because the total bytes size exceeds the limit of ${section.limitBytes} bytes.`));
      return;
    }
    section.lines.push(line);
  }

  private format(stream: string, text: string, time = new Date(this.options.now()).toISOString()): string {
    return `${time.padEnd(30)} ${stream}: ${text}`;
  }
}
