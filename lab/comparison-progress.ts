// Shows a person how far a comparison is: one line that is written over again on a terminal, a line now and then elsewhere.
import type { TextSink } from './traces/trace-command.ts';

const redrawEveryMs = 250;
const reportEveryMs = 10_000;

/** @param clock milliseconds of the machine's */
export class ComparisonProgress {
  readonly #output: TextSink & { readonly isTTY?: boolean };
  readonly #clock: () => number;
  readonly #title: string;
  readonly #startedAt: number;
  #writtenAt: number;
  #hasWritten = false;

  constructor(output: TextSink & { readonly isTTY?: boolean }, clock: () => number, title: string) {
    this.#output = output;
    this.#clock = clock;
    this.#title = title;
    this.#startedAt = clock();
    this.#writtenAt = this.#startedAt;
  }

  report(doneShare: number): void {
    const now = this.#clock();
    if (now - this.#writtenAt < (this.#output.isTTY === true ? redrawEveryMs : reportEveryMs)) return;
    this.#writtenAt = now;
    this.#hasWritten = true;
    const tookMs = now - this.#startedAt;
    const left = doneShare > 0 ? `, about ${duration((tookMs / doneShare) * (1 - doneShare))} left` : '';
    const text = `${this.#title}: ${(100 * doneShare).toFixed(1)} % after ${duration(tookMs)}${left}`;
    this.#output.write(this.#output.isTTY === true ? `\r\x1b[K${text}` : `${text}\n`);
  }

  /** Leaves a terminal's line empty. Returns how long it took, in ms. */
  end(): number {
    if (this.#hasWritten && this.#output.isTTY === true) this.#output.write('\r\x1b[K');
    return this.#clock() - this.#startedAt;
  }
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
