// The page cache of a simulated host: so many bytes of model files, what was used longest ago goes first. Known limits: nothing
// but model files is in it, it takes nothing from the containers' memory, and nothing leaves it by itself.
import type { ActionKey } from '../../common/action-identity.ts';

/** What one byte from the disk costs a load: 1 GB/s, between 0.5 and 1.3 ms for each MB as measured for load and first run. */
export const coldMsPerByte = 1e-6;

export class SimulatedPageCache {
  readonly #capacityBytes: number;
  /** Bytes that are there of the action's files, the one used longest ago first. */
  readonly #hot = new Map<ActionKey, number>();
  #usedBytes = 0;

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes;
  }

  /** The action's files are used from end to end. @returns how much of them had to be read from the disk */
  use(actionKey: ActionKey, fileBytes: number): number {
    const missingBytes = fileBytes - (this.#hot.get(actionKey) ?? 0);
    this.#put(actionKey, fileBytes);
    return missingBytes;
  }

  /** They were read so far. @returns how much came from the disk */
  read(actionKey: ActionKey, bytes: number): number {
    const hotBytes = this.#hot.get(actionKey) ?? 0;
    this.#put(actionKey, Math.max(hotBytes, bytes));
    return Math.max(0, bytes - hotBytes);
  }

  #put(actionKey: ActionKey, bytes: number): void {
    this.#usedBytes -= this.#hot.get(actionKey) ?? 0;
    this.#hot.delete(actionKey);
    // Of what is larger than all there is, nothing is left when it is needed again.
    if (bytes > this.#capacityBytes) return;
    this.#hot.set(actionKey, bytes);
    this.#usedBytes += bytes;
    for (const [oldestKey, oldestBytes] of this.#hot) {
      if (this.#usedBytes <= this.#capacityBytes) return;
      this.#hot.delete(oldestKey);
      this.#usedBytes -= oldestBytes;
    }
  }
}
