// Each part is killed once; `npm run faults` does it fifty times.
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ownBroker } from '../../../common/testing/kafka-for-tests.ts';
import { writeTinyStore } from '../../../runtime/testing/tiny-store.ts';
import type { KafkaBroker } from '../../../scripts/kafka-broker/broker.ts';
import { runFaults, victims } from '../fault-run.ts';

describe('after kill -9 of each part', function () {
  this.timeout(600_000);
  let broker: KafkaBroker;
  let storeDir: string;

  before(async function () {
    broker = await ownBroker(this, {});
    storeDir = mkdtempSync(path.join(tmpdir(), 'faults-test-'));
    writeTinyStore(storeDir, { models: ['one', 'two', 'three', 'four'] });
  });
  after(async () => {
    // Undefined where there is no broker on this machine.
    await (broker as KafkaBroker | undefined)?.remove();
    if ((storeDir as string | undefined) !== undefined) rmSync(storeDir, { recursive: true });
  });

  it('every activation has one end, nothing is left, and calls start as before within a minute', async () => {
    const report = await runFaults({ broker, rounds: victims.length, seed: 7, storeDir, onRound: () => undefined });
    assert.deepEqual(report.violations, []);
    assert.deepEqual(report.rounds.map(({ victim }) => victim), [...victims]);
    assert.ok(report.succeeded > 50, `only ${report.succeeded} succeeded`);
  });
});
