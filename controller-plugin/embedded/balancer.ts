// Which invoker an activation is sent to: the only one there is, or as OpenWhisk's sharding balancer chooses among several.
// Facts: ShardingContainerPoolBalancer.scala, schedule (Apache OpenWhisk 2.0.0), for one controller and actions that run
// one activation at a time.
import type { ActionDocument } from '../../common/action-document.ts';
import { defaultInvokerShares, invokerRange, probeOrder } from '../../common/home-invoker.ts';
import type { Random } from '../../common/random.ts';

export interface Balancer {
  /** Takes the memory of the action at the invoker that it returns. */
  choose(invokingNamespace: string, action: ActionDocument): number;
  /** The acknowledgement of an activation of that size named this invoker. */
  freed(invoker: number, memoryMegabytes: number): void;
}

export function onlyInvoker(invoker: number): Balancer {
  return { choose: () => invoker, freed: () => undefined };
}

/**
 * Asks the home invoker first and then the others by the action's step, and takes the first with room. When none has room,
 * the work goes to one by chance and its memory below zero: invokers queue, controllers do not.
 */
export class ShardingBalancer implements Balancer {
  private readonly freeMegabytes: number[];
  private readonly random: Random;

  /** @param userMemoryMegabytes of the invokers 0, 1, … */
  constructor(userMemoryMegabytes: readonly number[], random: Random) {
    this.freeMegabytes = [...userMemoryMegabytes];
    this.random = random;
  }

  choose(invokingNamespace: string, { qualifiedName, limits }: ActionDocument): number {
    const { to } = invokerRange(this.freeMegabytes.length, false, defaultInvokerShares);
    const roomy = probeOrder(invokingNamespace, qualifiedName, to).find((invoker) => (this.freeMegabytes[invoker] ?? 0) >= limits.memoryMegabytes);
    const invoker = roomy ?? Math.floor(this.random.uniformBetween(0, to));
    this.freed(invoker, -limits.memoryMegabytes);
    return invoker;
  }

  freed(invoker: number, memoryMegabytes: number): void {
    this.freeMegabytes[invoker] = (this.freeMegabytes[invoker] ?? 0) + memoryMegabytes;
  }
}
