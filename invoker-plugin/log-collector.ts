// Cuts a container's output into the logs of its activations at the end-of-activation markers. It stores nothing beyond
// the activation under way and keeps to the action's log limit.
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

interface Collection {
  readonly limitBytes: number;
  readonly lines: string[];
  readonly open: Set<'stdout' | 'stderr'>;
  bytes: number;
  truncated: boolean;
  readonly done: (logs: CollectedLogs) => void;
}

export interface LogCollectorOptions {
  /** How long after the reply a missing marker is waited for. */
  readonly markerTimeoutMs: number;
  /** The same after a failure, when a marker may never come. */
  readonly failedMarkerTimeoutMs: number;
  /** Epoch milliseconds, for the time stamp of a line. */
  readonly now: () => number;
}

/** Collects the logs of one container, one activation at a time. */
export class LogCollector {
  private readonly options: LogCollectorOptions;
  private current: Collection | undefined;

  constructor(options: LogCollectorOptions) {
    this.options = options;
  }

  /** To be registered with the container. Output outside of an activation is nobody's and is dropped. */
  readonly listener: LogListener = (stream, line, time) => {
    const collection = this.current;
    if (collection === undefined) return;
    if (line.endsWith(sentinel)) {
      const rest = line.slice(0, -sentinel.length);
      if (rest !== '') this.add(collection, stream, rest, time);
      collection.open.delete(stream);
      if (collection.open.size === 0) this.finish(collection);
      return;
    }
    this.add(collection, stream, line, time);
  };

  /**
   * Starts collecting for one activation; `limitBytes` bounds what is kept.
   * @returns what resolves with the log when both markers have been seen or their time is over
   */
  begin(limitBytes: number): FinishLogs {
    let resolveLogs: (logs: CollectedLogs) => void = () => undefined;
    const logs = new Promise<CollectedLogs>((resolve) => {
      resolveLogs = resolve;
    });
    const collection: Collection = { limitBytes, lines: [], open: new Set(['stdout', 'stderr']), bytes: 0, truncated: false, done: resolveLogs };
    this.current = collection;
    return async (isDeveloperError) => {
      const { markerTimeoutMs, failedMarkerTimeoutMs } = this.options;
      const timer = setTimeout(() => {
        if (!isDeveloperError) collection.lines.push(this.format('stderr', logFailure));
        this.finish(collection);
      }, isDeveloperError ? failedMarkerTimeoutMs : markerTimeoutMs);
      const collected = await logs;
      clearTimeout(timer);
      return isDeveloperError ? { ...collected, lines: [...collected.lines, this.format('stderr', logWarningDeveloperError)] } : collected;
    };
  }

  private finish(collection: Collection): void {
    if (this.current === collection) this.current = undefined;
    collection.done({ lines: collection.lines, isComplete: collection.open.size === 0 });
  }

  private add(collection: Collection, stream: 'stdout' | 'stderr', text: string, time: string | undefined): void {
    if (collection.truncated) return;
    const line = this.format(stream, text, time);
    collection.bytes += Buffer.byteLength(line);
    if (collection.bytes > collection.limitBytes) {
      collection.truncated = true;
      collection.lines.push(this.format('stderr', `Logs were truncated because the total bytes size exceeds the limit of ${collection.limitBytes} bytes.`));
      return;
    }
    collection.lines.push(line);
  }

  private format(stream: string, text: string, time = new Date(this.options.now()).toISOString()): string {
    return `${time.padEnd(30)} ${stream}: ${text}`;
  }
}
