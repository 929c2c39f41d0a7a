// What a scheduler is told of actions whose plans the planner withdraws.
import { strict as assert } from 'node:assert';
import { createLogger } from '../../common/logger.ts';
import { actionDocument } from '../../common/testing/action-documents.ts';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { Deployments } from '../deployments.ts';

describe('an action whose plan is withdrawn', () => {
  let catalog: MemoryCatalog;
  let deployments: Deployments;
  let told: string[];

  beforeEach(() => {
    catalog = new MemoryCatalog();
    told = [];
    const submit = (event: { type: string; actionKey?: string }): void => {
      told.push(`${event.type} ${event.actionKey ?? ''}`);
    };
    deployments = new Deployments({ catalog, clock: new FakeClock(), logger: createLogger('test', 'silent'), mayWish: undefined, invoker: 0, concurrencyMax: 1, estimate: () => ({ loadMs: 1, residentBytes: 1 }), submit });
  });
  const deploy = async (version: string): Promise<string> => {
    const document = actionDocument('a', { version });
    catalog.put(document);
    await deployments.deploy(document.actionKey);
    return document.actionKey;
  };

  it('is removed, and is new when it is called again', async () => {
    const key = await deploy('0.0.1');
    deployments.withdrawPlan(key);
    await deployments.deploy(key);
    assert.deepEqual(told, [`actionDeployed ${key}`, `actionRemoved ${key}`, `actionDeployed ${key}`]);
  });

  it('stays as it is where a newer version has taken its place: late calls of it may still come', async () => {
    const former = await deploy('0.0.1');
    await deploy('0.0.2');
    told = [];
    deployments.withdrawPlan(former);
    await deployments.deploy(former);
    assert.deepEqual(told, []);
  });

  it('is nothing to a scheduler that does not know it', () => {
    deployments.withdrawPlan('guest/a@0.0.1');
    assert.deepEqual(told, []);
  });
});
