// Actions whose limit allows several calls in one container, in the simulated world.
import { strict as assert } from 'node:assert';
import { keepAlive } from '../../policies/keep-alive.ts';
import type { Policy, PolicyDefinition } from '../../policies/policy.ts';
import { corePolicy, labSchedulerConfig } from '../../policies/core-policy.ts';
import { runSmallWorld } from '../../testing/small-world.ts';

const actions = [['a', 1000, 400]] as const;
const calls = [[0, 'a'], [0, 'a'], [0, 'a']] as const;

const core: PolicyDefinition = { ...keepAlive, create: (input) => corePolicy(labSchedulerConfig(input, {})) };
/** Starts a call beside the first one, wherever that is. */
const reckless: PolicyDefinition = {
  ...keepAlive,
  create: (): Policy => {
    const started: string[] = [];
    return {
      step: (event) => {
        if (event.type !== 'activationArrived' || started.length > 1) return { commands: [], wakeAt: undefined };
        started.push(event.activationId);
        const start = { type: 'startActivation', activationId: event.activationId, containerId: 'c1', actionKey: event.actionKey, startType: 'cold', clean: 'none', init: started.length === 1 } as const;
        const create = { type: 'createContainer', containerId: 'c1', memoryLimitBytes: 1, reason: 'activation' } as const;
        return { commands: started.length === 1 ? [create, start] : [start], wakeAt: undefined };
      },
    };
  },
};

describe('a simulation of an action that takes several calls in one container', () => {
  it('runs as many as the limit allows in one container, and none before it is initialised', () => {
    // The second waits for container, initialisation and load of the first; the third has a container of its own.
    const { starts } = runSmallWorld({ policy: core, actions, calls, containers: 3, concurrencyLimit: 2 });
    assert.deepEqual(starts, [['a', 'cold', 1510], ['a', 'cold', 1510], ['a', 'warm', 1510]]);
  });

  it('stops where a policy starts a call in a container that is not initialised, or has its limit', () => {
    for (const concurrencyLimit of [1, 2]) {
      assert.throws(() => runSmallWorld({ policy: reckless, actions, calls, containers: 3, concurrencyLimit }), new RegExp(`c1, which runs 1 of guest/a@.* where ${concurrencyLimit} may run at once`));
    }
  });
});
