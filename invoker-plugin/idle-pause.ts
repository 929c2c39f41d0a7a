// Takes the processor from a container that has served an activation and has been idle for a while, as a stock invoker
// does, and gives it back before anything is asked of it. What "asked" means is its callers' business.
import type { CancelTimer, Clock } from '../common/clock.ts';
import type { Container } from './drivers/driver.ts';

export interface IdlePauseOptions {
  readonly container: Pick<Container, 'pause' | 'resume'>;
  readonly clock: Clock;
  /** How long it stays awake after the last use (`whisk.container-proxy.timeouts.pause-grace`); undefined: for ever. */
  readonly graceMs: number | undefined;
  /** The engine could not pause it: it cannot be reasoned about any more. */
  readonly onFailure: (error: unknown) => void;
}

export class IdlePause {
  private readonly options: IdlePauseOptions;
  private users = 0;
  private isEnabled = false;
  private isPaused = false;
  /** Pauses and resumes one after the other. */
  private last: Promise<void> = Promise.resolve();
  private cancelTimer: CancelTimer = () => undefined;

  constructor(options: IdlePauseOptions) {
    this.options = options;
  }

  /** From now on it may be paused: an activation has been in it. A stem cell that waits for its first stays awake. */
  enable(): void {
    this.isEnabled = true;
  }

  /** Runs the task while the container is awake. @throws when it cannot be resumed */
  async awake<T>(task: () => Promise<T>): Promise<T> {
    this.users += 1;
    this.cancelTimer();
    try {
      await this.settle();
      return await task();
    } finally {
      this.users -= 1;
      this.pauseLater();
    }
  }

  /** It is not paused any more; to be called when the container has ended. */
  close(): void {
    this.isEnabled = false;
    this.cancelTimer();
  }

  private pauseLater(): void {
    const { clock, graceMs } = this.options;
    if (!this.isEnabled || graceMs === undefined || this.users > 0) return;
    this.cancelTimer();
    this.cancelTimer = clock.setTimer(clock.now() + graceMs, () => {
      this.settle().catch(this.options.onFailure);
    });
  }

  /** Brings the container into the state that its users want when this one's turn comes. */
  private settle(): Promise<void> {
    const turn = this.last.then(() => this.change());
    this.last = turn.catch(() => undefined);
    return turn;
  }

  private async change(): Promise<void> {
    const isWanted = this.users > 0;
    if (isWanted === !this.isPaused || (!isWanted && !this.isEnabled)) return;
    if (isWanted) await this.options.container.resume();
    else await this.options.container.pause();
    this.isPaused = !isWanted;
  }
}
