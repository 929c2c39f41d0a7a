// Which of several invokers a call goes to, as a stock controller decides: the home invoker by hash, the next ones by a step
// while those before have no memory left for it, and any one at random when none has.
//
// Source: ShardingContainerPoolBalancer.scala of Apache OpenWhisk; common/home-invoker.ts has the hash and the steps.
import { pairwiseCoprimesUntil } from '../../common/home-invoker.ts';
import type { Random } from '../../common/random.ts';

export class InvokerRouting {
  readonly #freeBytes: Float64Array;
  readonly #steps: readonly number[];
  readonly #random: Random;

  constructor(invokerCount: number, memoryBytes: number, random: Random) {
    this.#freeBytes = new Float64Array(invokerCount).fill(memoryBytes);
    this.#steps = pairwiseCoprimesUntil(invokerCount);
    this.#random = random;
  }

  /** The invoker that a call of an action goes to where nothing else runs. */
  homeOf(hash: number): number {
    return hash % this.#freeBytes.length;
  }

  /** Chooses and books the memory of the call until {@link InvokerRouting.release}. */
  route(hash: number, memoryBytes: number): number {
    const count = this.#freeBytes.length;
    const step = this.#steps[hash % this.#steps.length] ?? 1;
    let invoker = this.homeOf(hash);
    for (let turn = 0; turn < count; turn += 1) {
      if ((this.#freeBytes[invoker] ?? 0) >= memoryBytes) return this.#book(invoker, memoryBytes);
      invoker = (invoker + step) % count;
    }
    return this.#book(Math.floor(this.#random.uniform() * count), memoryBytes);
  }

  release(invoker: number, memoryBytes: number): void {
    this.#freeBytes[invoker] = (this.#freeBytes[invoker] ?? 0) + memoryBytes;
  }

  #book(invoker: number, memoryBytes: number): number {
    this.#freeBytes[invoker] = (this.#freeBytes[invoker] ?? 0) - memoryBytes;
    return invoker;
  }
}
