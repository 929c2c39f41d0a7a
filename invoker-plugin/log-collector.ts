// Cuts a container's output into the logs of its activations at the end-of-activation markers. It stores nothing beyond
// the activation under way and keeps to the action's log limit.
import type { LogListener } from './drivers/driver.ts';

/** The line both streams end an activation with (OpenWhisk's ActionProxy contract). */
export const sentinel = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

interface Collection {
  readonly limitBytes: number;
  readonly lines: string[];
  readonly open: Set<'stdout' | 'stderr'>;
  bytes: number;
  truncated: boolean;
  readonly done: (lines: string[]) => void;
}

export interface LogCollectorOptions {
  /** How long after the reply a missing marker is waited for. */
  readonly markerTimeoutMs: number;
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
  readonly listener: LogListener = (stream, line) => {
    const collection = this.current;
    if (collection === undefined) return;
    if (line.endsWith(sentinel)) {
      const rest = line.slice(0, -sentinel.length);
      if (rest !== '') this.add(collection, stream, rest);
      collection.open.delete(stream);
      if (collection.open.size === 0) this.finish(collection);
      return;
    }
    this.add(collection, stream, line);
  };

  /**
   * Starts collecting for one activation; `limitBytes` bounds what is kept.
   * @returns a function to call once the reply is there: it resolves with the log lines in OpenWhisk's form
   *   (`time stream: text`) when both markers have been seen or their time is over.
   */
  begin(limitBytes: number): () => Promise<string[]> {
    let resolveLines: (lines: string[]) => void = () => undefined;
    const lines = new Promise<string[]>((resolve) => {
      resolveLines = resolve;
    });
    const collection: Collection = { limitBytes, lines: [], open: new Set(['stdout', 'stderr']), bytes: 0, truncated: false, done: resolveLines };
    this.current = collection;
    return () => {
      const timer = setTimeout(() => {
        collection.lines.push(this.format('stderr', 'There was an issue while collecting your logs. Data might be missing.'));
        this.finish(collection);
      }, this.options.markerTimeoutMs);
      return lines.finally(() => {
        clearTimeout(timer);
      });
    };
  }

  private finish(collection: Collection): void {
    if (this.current === collection) this.current = undefined;
    collection.done(collection.lines);
  }

  private add(collection: Collection, stream: 'stdout' | 'stderr', text: string): void {
    if (collection.truncated) return;
    const line = this.format(stream, text);
    collection.bytes += Buffer.byteLength(line);
    if (collection.bytes > collection.limitBytes) {
      collection.truncated = true;
      collection.lines.push(this.format('stderr', `Logs were truncated because the total bytes size exceeds the limit of ${collection.limitBytes} bytes.`));
      return;
    }
    collection.lines.push(line);
  }

  private format(stream: string, text: string): string {
    return `${new Date(this.options.now()).toISOString().padEnd(30)} ${stream}: ${text}`;
  }
}
