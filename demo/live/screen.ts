// Shows a view while it changes: redrawn in place on a terminal, a line now and then where the output is a file or pipe.
import { createLogUpdate } from 'log-update';
import type { CancelTimer, Clock } from '../../common/clock.ts';

const redrawEveryMs = 250;
const reportEveryMs = 15_000;

export interface ScreenOptions {
  readonly clock: Clock;
  readonly output: NodeJS.WriteStream;
  readonly render: () => string[];
}

export class Screen {
  private readonly options: ScreenOptions;
  private readonly update: ReturnType<typeof createLogUpdate> | undefined;
  private cancel: CancelTimer;

  constructor(options: ScreenOptions) {
    this.options = options;
    this.update = options.output.isTTY ? createLogUpdate(options.output) : undefined;
    this.cancel = this.arm();
  }

  /** Draws a last time and leaves what was drawn on the terminal. */
  close(): void {
    this.cancel();
    this.draw();
    this.update?.done();
  }

  private arm(): CancelTimer {
    const everyMs = this.update === undefined ? reportEveryMs : redrawEveryMs;
    return this.options.clock.setTimer(this.options.clock.now() + everyMs, () => {
      this.draw();
      this.cancel = this.arm();
    });
  }

  private draw(): void {
    const lines = this.options.render();
    if (this.update === undefined) this.options.output.write(`${lines.slice(0, 2).join('   ')}\n`);
    else this.update(lines.join('\n'));
  }
}
