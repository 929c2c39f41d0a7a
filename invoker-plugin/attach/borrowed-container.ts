// A stem cell of another invoker as a container of ours: it can be let go, and nothing else is ever done to it.
import type { Container, ContainerEnd } from '../drivers/driver.ts';

export class BorrowedContainer implements Container {
  readonly containerId: string;
  readonly baseUrl: string;
  readonly ended: Promise<ContainerEnd>;
  private end: (end: ContainerEnd) => void = () => undefined;
  private isLetGo = false;

  constructor(containerId: string, baseUrl: string) {
    this.containerId = containerId;
    this.baseUrl = baseUrl;
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  /** From now on nothing is asked of it. Idempotent. */
  letGo(reason: string): void {
    this.isLetGo = true;
    this.end({ reason, memoryExhausted: false });
  }

  get hasEnded(): boolean {
    return this.isLetGo;
  }

  onLog(): void {
    // Its log is its owner's.
  }

  /** Its owner pauses and resumes it. */
  async pause(): Promise<void> {
    await Promise.resolve();
  }

  async resume(): Promise<void> {
    await Promise.resolve();
  }

  /** Lets it go: its owner removes it. */
  async remove(): Promise<void> {
    this.letGo('it refused');
    await Promise.resolve();
  }
}
