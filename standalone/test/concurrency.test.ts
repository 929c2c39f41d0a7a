// `limits.concurrency` above 1 through the whole system, with real containers.
import { strict as assert } from 'node:assert';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { ServedSystem } from '../testing/served-system.ts';

/** Answers no call before so many are there. */
const gatherCode = (count: number): string => `
const waiting = [];
function main({ call }) {
  console.log('heard ' + call);
  return new Promise((resolve) => {
    waiting.push(() => resolve({ call, pid: process.pid }));
    if (waiting.length === ${count}) for (const answer of waiting) answer();
  });
}`;
/** Fails in the way that it is told, or ends after so many ms. */
const mixedCode = `
function main({ ms, fails }) {
  return new Promise((resolve, reject) => setTimeout(() => {
    if (fails === 'exit') process.exit(1);
    resolve(fails === 'application' ? { error: 'refused' } : { pid: process.pid });
  }, ms));
}`;

describe('an action that takes several calls in one container, through the standalone API', function () {
  this.timeout(60_000);
  let served: ServedSystem;

  before(async () => {
    served = await ServedSystem.start({ concurrencyMax: 5 });
  });
  after(() => served.stop());

  const invoke = async (name: string, parameters: Record<string, unknown>): Promise<WhiskActivation['response'] & { activationId: string }> => {
    const { body } = await served.call(`/namespaces/_/actions/${name}?blocking=true`, { method: 'POST', body: parameters });
    const { response, activationId } = body as unknown as WhiskActivation;
    return { ...response, activationId };
  };
  const resultsOf = (responses: readonly { readonly result?: unknown }[]): { call: number; pid: number }[] => responses.map(({ result }) => result as { call: number; pid: number });

  it('runs as many as its limit allows at once, in one process of one container', async () => {
    await served.create('gather', gatherCode(4), { limits: { concurrency: 4 } });
    const results = resultsOf(await Promise.all([1, 2, 3, 4].map((call) => invoke('gather', { call }))));
    assert.deepEqual(results.map(({ call }) => call), [1, 2, 3, 4]);
    assert.equal(new Set(results.map(({ pid }) => pid)).size, 1);
    assert.equal(served.system.schedulerState.poolUsedBytes, 128 * 2 ** 20 * served.system.schedulerState.containers.size);
  });

  it('has every line of theirs in a log, and all markers out of them', async () => {
    await served.create('logged', gatherCode(3), { limits: { concurrency: 3 } });
    const answers = await Promise.all([1, 2, 3].map((call) => invoke('logged', { call })));
    const records = await Promise.all(answers.map(({ activationId }) => served.recordOf(activationId)));
    const lines = records.flatMap(({ logs }) => logs.map((line) => line.replace(/^\S+\s+/, '')));
    assert.deepEqual(lines.sort(), ['stdout: heard 1', 'stdout: heard 2', 'stdout: heard 3']);
  });

  it('goes on in its container after an application error', async () => {
    await served.create('mixed', mixedCode, { limits: { concurrency: 3 } });
    const [refused, other] = await Promise.all([invoke('mixed', { ms: 50, fails: 'application' }), invoke('mixed', { ms: 200 })]);
    assert.deepEqual(refused.result, { error: 'refused' });
    assert.equal(resultsOf([await invoke('mixed', { ms: 1 })])[0]?.pid, resultsOf([other])[0]?.pid);
  });

  it('lets the others end when one exceeds its time, and then leaves the container', async () => {
    await served.create('late', mixedCode, { limits: { concurrency: 3, timeout: 1500 } });
    const [first] = resultsOf([await invoke('late', { ms: 1 })]);
    const exceeding = invoke('late', { ms: 30_000 });
    // So that the next one's time is not over when this one's is.
    await invoke('late', { ms: 700 });
    const other = invoke('late', { ms: 1200 });
    assert.deepEqual((await exceeding).result, { error: 'The action exceeded its time limits of 1500 milliseconds.' });
    assert.equal(resultsOf([await other])[0]?.pid, first?.pid);
    assert.notEqual(resultsOf([await invoke('late', { ms: 1 })])[0]?.pid, first?.pid);
  });

  it('gives the answer of a failed initialisation to those that waited for it', async () => {
    await served.create('broken', 'const end = Date.now() + 500; while (Date.now() < end); throw new Error("never ready");', { limits: { concurrency: 5 } });
    const answers = await Promise.all([1, 2, 3].map(() => invoke('broken', {})));
    for (const { result, status } of answers as unknown as { result: { error: string }; status: string }[]) {
      assert.equal(status, 'action developer error');
      assert.match(result.error, /never ready/);
    }
  });

  it('is created with a limit up to the deployment’s, and not beyond', async () => {
    const { status, body } = await served.create('greedy', 'function main() {}', { limits: { concurrency: 6 } });
    assert.equal(status, 400);
    assert.match(JSON.stringify(body), /concurrency 6 exceeds allowed threshold of 5/);
    const { body: limits } = await served.call('/namespaces/_/limits');
    assert.equal((limits as Record<string, unknown>)['maxActionConcurrency'], 5);
  });
});
