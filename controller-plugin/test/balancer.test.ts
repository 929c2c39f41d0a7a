import { strict as assert } from 'node:assert';
import { actionDocument } from '../../common/testing/action-documents.ts';
import type { ActionDocument } from '../../common/action-document.ts';
import { probeOrder } from '../../common/home-invoker.ts';
import { createRandom } from '../../common/random.ts';
import { ShardingBalancer } from '../embedded/balancer.ts';

const actionOf = (name: string, memoryMegabytes: number): ActionDocument => actionDocument(name, { limits: { memoryMegabytes } });

describe('the sharding balancer', () => {
  const action = actionOf('infer', 256);
  const order = probeOrder('guest', action.qualifiedName, 3);
  const choices = (balancer: ShardingBalancer, count: number): number[] => Array.from({ length: count }, () => balancer.choose('guest', action));

  it('fills the home invoker, then the others by the step of the action', () => {
    const balancer = new ShardingBalancer([768, 768, 768], createRandom(1));
    assert.deepEqual(choices(balancer, 9), order.flatMap((invoker) => [invoker, invoker, invoker]));
  });

  it('comes back to the home invoker as soon as that has room again', () => {
    const balancer = new ShardingBalancer([256, 256, 256], createRandom(1));
    choices(balancer, 2);
    balancer.freed(order[0]!, 256);
    assert.equal(balancer.choose('guest', action), order[0]);
  });

  it('sends work to one by chance when none has room, and owes that memory', () => {
    const balancer = new ShardingBalancer([256, 256, 256], createRandom(1));
    choices(balancer, 3);
    const overflow = choices(balancer, 100);
    assert.equal(new Set(overflow).size, 3);
    // What one owes has to come back before it has room.
    for (const invoker of [0, 1, 2]) balancer.freed(invoker, 256);
    assert.ok(!order.every((invoker) => overflow.filter((other) => other === invoker).length === 0));
    for (const invoker of overflow) balancer.freed(invoker, 256);
    assert.equal(balancer.choose('guest', action), order[0]);
  });
});
