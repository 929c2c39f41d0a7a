// What an invoker has to do under a stock controller, as a suite that runs on every bus.
import { strict as assert } from 'node:assert';
import { createCipheriv, randomBytes } from 'node:crypto';
import { zipOf } from './zip-of.ts';
import { embeddedServing } from '../invoker.ts';
import { guest, type Completed, type StockAction, type StockUser } from './stock-controller.ts';
import type { StrictActivation } from './strict-acknowledgement.ts';
import { StockDeployment, type BusPair } from './stock-deployment.ts';

const kindsOf = ({ acknowledgements }: Completed): string[] => acknowledgements.map(({ kind }) => kind);
const recordOf = ({ record }: Completed): StrictActivation => {
  assert.ok(record !== undefined, 'the controller got no result');
  return record;
};
const annotationsOf = (record: { annotations?: unknown }): Record<string, unknown> => Object.fromEntries((record.annotations as { key: string; value: unknown }[]).map(({ key, value }) => [key, value]));
const errorOf = (completed: Completed): unknown => (recordOf(completed).response.result as { error?: unknown }).error;

const acme: StockUser = { ...guest, subject: 'acme-user', namespace: { name: 'acme', uuid: 'acme-uuid' } };
const echo = 'function main(args) { console.log("said"); return { args } }';
const counting = 'let n = 0; function main() { n += 1; return { n } }';

/** Base64 of [length of the iv][iv][ciphertext and tag], as the controller's parameter storage writes it. */
function locked(value: unknown, key: Uint8Array): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-128-gcm', key, iv);
  const ciphertext = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final(), cipher.getAuthTag()]);
  const length = Buffer.alloc(4);
  length.writeInt32BE(iv.length);
  return Buffer.concat([length, iv, ciphertext]).toString('base64');
}

const parameterKey = randomBytes(16);

/** Registers the suite. */
export function describeStockInvoker(name: string, connect: (this: Mocha.Context) => Promise<BusPair>): void {
  describe(`an invoker under a stock controller, ${name}`, function () {
    this.timeout(120_000);
    let deployment: StockDeployment;
    const blocked = new Set<string>();
    let mostPending = 0;

    before(async function () {
      const pair = await connect.call(this);
      deployment = await StockDeployment.start(pair, {
        instance: 2,
        maxAckBytes: 100_000,
        invoker: {
          intake: { mostInHand: 4, kinds: ['nodejs:*'], stale: 'skip', parameterKeys: { 'aes-128': parameterKey }, isBlocked: (namespace) => blocked.has(namespace) },
          onStep: () => {
            // Steps are taken before the deployment has started.
            mostPending = Math.max(mostPending, (deployment as StockDeployment | undefined)?.invoker.pendingCount ?? 0);
          },
        },
      });
    });
    after(async () => {
      // Undefined where the bus does not exist on this machine.
      await (deployment as StockDeployment | undefined)?.stop();
    });

    const invoke = (...args: Parameters<StockDeployment['controller']['invoke']>): Promise<Completed> => deployment.controller.invoke(...args).completed;
    afterEach(() => {
      assert.deepEqual(deployment.controller.dropped, [], 'the controller could not read a record');
      assert.deepEqual(deployment.controller.unexpected, [], 'the controller was told something twice');
    });

    it('is found by its pings and healthy after one test action; the numbers below it stand in the list, offline', () => {
      assert.deepEqual(
        deployment.controller.invokers.map(({ health }) => health.state),
        ['down', 'down', 'up'],
      );
    });

    describe('acknowledges', () => {
      it('a blocking activation by its result, then by the freed slot, both with the transaction id as it was', async () => {
        const completed = await invoke(deployment.deploy('logged', echo), { content: { a: 1 } });
        assert.deepEqual(kindsOf(completed), ['result', 'completion']);
        for (const { transid } of completed.acknowledgements) assert.deepEqual(transid, completed.transid);
        assert.deepEqual(recordOf(completed).response.result, { args: { a: 1 } });
        assert.deepEqual(recordOf(completed).logs, []);
      });

      it('a blocking activation without logs at once', async () => {
        assert.deepEqual(kindsOf(await invoke(deployment.deploy('unlogged', echo, { limits: { logs: 0 } }))), ['combined']);
      });

      for (const logs of [10, 0]) {
        it(`an activation that nobody waits for (log limit ${logs}) only by the freed slot`, async () => {
          const completed = await invoke(deployment.deploy(`async${logs}`, echo, { limits: { logs } }), { blocking: false });
          assert.deepEqual(kindsOf(completed), ['completion']);
          const { response } = (await deployment.stored(completed.activationId)) as { response: { statusCode: number } };
          assert.equal(response.statusCode, 0);
        });
      }

      it('a result that the topic does not take by its id alone, and stores it', async () => {
        const completed = await invoke(deployment.deploy('large', 'function main() { return { text: "x".repeat(200000) } }'));
        assert.deepEqual(kindsOf(completed), ['result', 'completion']);
        assert.equal(completed.record, undefined);
        const { response } = (await deployment.stored(completed.activationId)) as { response: { result: { text: string } } };
        assert.equal(response.result.text.length, 200_000);
      });

      it('every activation of a burst that is larger than the pool, and holds no more in hand than it may', async () => {
        const action = deployment.deploy('burst', 'function main(args) { return new Promise((resolve) => setTimeout(() => resolve(args), 50)) }');
        mostPending = 0;
        const all = await Promise.all(Array.from({ length: 20 }, (_, i) => invoke(action, { content: { i } })));
        assert.deepEqual(
          all.map((completed) => (recordOf(completed).response.result as { i: number }).i),
          Array.from({ length: 20 }, (_, i) => i),
        );
        assert.ok(mostPending <= 4, `${mostPending} in hand`);
      });
    });

    describe('records', () => {
      it('what the platform records: annotations, times, the log in its form', async () => {
        const action = deployment.deploy('recorded', echo);
        const startedAt = Date.now() - 500;
        const completed = await invoke(action, { cause: 'c'.repeat(32), startedAt });
        const stored = await deployment.stored(completed.activationId);
        const { initTime, waitTime, startType, ...annotations } = annotationsOf(stored);
        assert.deepEqual(annotations, { limits: { concurrency: 1, logs: 10, memory: 256, timeout: 10_000 }, path: 'guest/recorded', kind: 'nodejs:instainfer', timeout: false, causedBy: 'sequence' });
        assert.ok(Number(initTime) > 0 && Number(waitTime) >= 500);
        assert.ok(startType === 'cold' || startType === 'prewarmed');
        assert.equal(stored['entityType'], 'activation');
        assert.equal(stored['cause'], 'c'.repeat(32));
        assert.equal(Number(stored['duration']), Number(stored['end']) - Number(stored['start']));
        assert.equal((stored['logs'] as string[]).length, 1);
        const [line = ''] = stored['logs'] as string[];
        assert.match(line.slice(0, 30), /^\d{4}-\d\d-\d\dT[\d:.]+Z *$/);
        assert.equal(line.slice(30), ' stdout: said');
        const warm = recordOf(await invoke(action));
        assert.ok(!('initTime' in annotationsOf(warm)));
        assert.equal(annotationsOf(warm)['startType'], 'warm');
      });

      it('nothing for a user whose limits say so', async () => {
        const unstored = await invoke(deployment.deploy('unstored', echo), { user: { ...guest, limits: { storeActivations: false } } });
        const stored = await invoke(deployment.deploy('stored', echo));
        await deployment.stored(stored.activationId);
        assert.equal(deployment.couch.get('activations', `guest/${unstored.activationId}`), undefined);
      });

      it('a record once the database is back', async () => {
        let refusals = 2;
        deployment.couch.fault = (request) => (request.includes('_bulk_docs') && refusals-- > 0 ? 503 : undefined);
        const completed = await invoke(deployment.deploy('patient', echo));
        await deployment.stored(completed.activationId);
        deployment.couch.fault = undefined;
        assert.ok(refusals < 0);
      });
    });

    describe('fetches', () => {
      it('code that is attached as an archive, or as text, or inlined in the name', async () => {
        const bytes = await zipOf({ 'index.js': 'exports.main = () => ({ from: "zip" })', 'package.json': '{}' });
        const zip = deployment.deploy('zip', { attached: 'couch:7d0f6c1e', bytes }, { binary: true });
        const text = deployment.deploy('text', { attached: 'couch:8e1f', bytes: Buffer.from('function main() { return { from: "text ☃" } }') });
        const inline = deployment.deploy('inline', { attached: `mem:${Buffer.from('function other() { return { from: "mem" } }').toString('base64url')}`, bytes: Buffer.alloc(0) }, { main: 'other' });
        for (const [action, from] of [[zip, 'zip'], [text, 'text ☃'], [inline, 'mem']] as const) assert.deepEqual(recordOf(await invoke(action)).response.result, { from });
      });

      it('a new revision of the same version, and never runs the old code for it', async () => {
        const first = deployment.deploy('updated', 'function main() { return { code: "old" } }');
        assert.deepEqual(recordOf(await invoke(first)).response.result, { code: 'old' });
        const second = deployment.deploy('updated', 'function main() { return { code: "new" } }');
        assert.deepEqual(recordOf(await invoke(second)).response.result, { code: 'new' });
      });

      it('the newest revision for a call whose own is gone, or which names none', async () => {
        const old = deployment.deploy('overtaken', 'function main() { return { code: "old" } }');
        const current = deployment.deploy('overtaken', 'function main() { return { code: "new" } }');
        for (const revision of [old.revision, null]) assert.deepEqual(recordOf(await invoke({ ...current, revision })).response.result, { code: 'new' });
      });

      it('each revision once', async () => {
        const action = deployment.deploy('once', echo);
        await Promise.all([invoke(action), invoke(action), invoke(action)]);
        assert.equal(deployment.couch.requests.filter((request) => request === 'GET /whisks/guest%2Fonce').length, 1);
      });

      it('a deleted action not at all, which is nobody\'s fault', async () => {
        const action = deployment.deploy('deleted', echo);
        deployment.couch.delete('whisks', 'guest/deleted');
        const completed = await invoke(action);
        assert.deepEqual([kindsOf(completed), errorOf(completed), completed.isSystemError], [['combined'], 'Action could not be found or may have been deleted.', false]);
        assert.equal(annotationsOf(recordOf(completed))['kind'], 'unknown');
        await deployment.stored(completed.activationId);
      });

      it('nothing from a database that fails, which is its own fault', async () => {
        const action = deployment.deploy('away', echo);
        deployment.couch.fault = (request) => (request.startsWith('GET') ? 500 : undefined);
        const completed = await invoke(action);
        deployment.couch.fault = undefined;
        assert.deepEqual([errorOf(completed), completed.isSystemError, recordOf(completed).response.statusCode], ['Action could not be fetched.', true, 3]);
      });

      it('no document that is no action', async () => {
        const revision = deployment.couch.put('whisks', 'guest/rule', { entityType: 'rule', namespace: 'guest', name: 'rule' });
        const completed = await invoke({ path: 'guest', name: 'rule', version: '0.0.1', revision, memoryMegabytes: 256, timeoutMs: 1000 });
        assert.equal(errorOf(completed), 'Action version is not compatible and cannot be invoked.');
      });
    });

    describe('runs', () => {
      it('an action of a package binding for the namespace that calls it', async () => {
        const code = 'function main() { return { ns: process.env.__OW_NAMESPACE, name: process.env.__OW_ACTION_NAME } }';
        const action = { ...deployment.deploy('bound', code, { namespace: 'provider/tools' }), binding: 'acme/mine' };
        const record = recordOf(await invoke(action, { user: acme }));
        assert.deepEqual(record.response.result, { ns: 'acme', name: '/provider/tools/bound' });
        assert.equal(record.namespace, 'acme');
        assert.deepEqual([annotationsOf(record)['path'], annotationsOf(record)['binding']], ['provider/tools/bound', 'acme/mine']);
      });

      it('an action that two namespaces share in containers of each', async () => {
        const action = deployment.deploy('shared', counting);
        const counts = [];
        for (const user of [guest, acme, guest]) counts.push((recordOf(await invoke(action, { user })).response.result as { n: number }).n);
        assert.deepEqual(counts, [1, 1, 2]);
      });

      it('with init parameters in the environment and locked ones in clear', async () => {
        const action = deployment.deploy('parameters', 'const token = process.env.TOKEN; function main(args) { return { token, args } }');
        const content = { TOKEN: { a: [1] }, secret: locked({ pin: 42 }, parameterKey), unknown: 'as it is', plain: 'p' };
        const completed = await invoke(action, { content, initArgs: ['TOKEN'], lockedArgs: { secret: 'aes-128', unknown: 'aes-256' } });
        assert.deepEqual(recordOf(completed).response.result, { token: '{"a":[1]}', args: { secret: { pin: 42 }, unknown: 'as it is', plain: 'p' } });
      });

      it('with the caller\'s key only where the action asks for it or says nothing', async () => {
        const code = 'function main() { return { key: process.env.__OW_API_KEY ?? null } }';
        const keyOf = async (actionName: string, annotations: { key: string; value: unknown }[]): Promise<unknown> => (recordOf(await invoke(deployment.deploy(actionName, code, { annotations }))).response.result as { key: unknown }).key;
        assert.equal(await keyOf('keyless', [{ key: 'provide-api-key', value: false }]), null);
        assert.equal(await keyOf('keyed', [{ key: 'provide-api-key', value: true }]), guest.authkey.api_key);
        assert.equal(await keyOf('silent', []), guest.authkey.api_key);
      });

      it('nothing beyond the limits of the caller\'s namespace, nor in a locked form it cannot open', async () => {
        const tooLarge = await invoke(deployment.deploy('wide', echo), { user: { ...guest, limits: { maxActionMemory: 128 } } });
        assert.deepEqual([errorOf(tooLarge), recordOf(tooLarge).response.statusCode], ['memory size 256 MB exceeds allowed threshold of 128 MB', 1]);
        const garbled = await invoke(deployment.deploy('garbled', echo), { content: { secret: 'AAAA' }, lockedArgs: { secret: 'aes-128' } });
        assert.equal(errorOf(garbled), 'Parameter secret cannot be decrypted.');
      });

      it('no kind that its image does not serve, and stays in rotation', async () => {
        const completed = await invoke(deployment.deploy('snake', 'def main(args): return {}', { kind: 'python:3' }));
        assert.deepEqual([recordOf(completed).response.statusCode, completed.isSystemError], [2, false]);
        assert.match(String(errorOf(completed)), /python:3/);
      });

      it('nothing for a blocked namespace, and records nothing', async () => {
        blocked.add('acme');
        const completed = await invoke(deployment.deploy('forbidden', echo), { user: acme });
        blocked.clear();
        assert.deepEqual([kindsOf(completed), completed.record, completed.isSystemError], [['combined'], undefined, false]);
        assert.equal(deployment.couch.get('activations', `acme/${completed.activationId}`), undefined);
      });

      it('nothing that its controller has given up long ago, where it is told so', async () => {
        const completed = await invoke(deployment.deploy('late', echo), { startedAt: Date.now() - 700_000 });
        assert.match(String(errorOf(completed)), /had waited longer/);
      });

      it('to the time limit and no longer', async () => {
        const completed = await invoke(deployment.deploy('slow', 'function main() { return new Promise(() => {}) }', { limits: { timeout: 1500 } }));
        assert.deepEqual([errorOf(completed), annotationsOf(recordOf(completed))['timeout'], completed.isSystemError], ['The action exceeded its time limits of 1500 milliseconds.', true, false]);
        const { logs } = (await deployment.stored(completed.activationId)) as { logs: string[] };
        assert.match(logs.at(-1) ?? '', /The action did not initialize or run as expected\. Log data might be missing\.$/);
      });

      it('on in a new container after a failed /init or a crash, and on in the same one after an application error', async () => {
        const action = deployment.deploy('moody', 'let n = 0; function main({ how }) { n += 1; if (how === "exit") process.exit(3); return how === "error" ? { error: "sorry", extra: 1 } : { n } }');
        const broken = await invoke(deployment.deploy('broken', 'this is no program'));
        assert.equal(recordOf(broken).response.statusCode, 2);
        assert.ok('initTime' in annotationsOf(recordOf(broken)));
        await invoke(action);
        const refused = recordOf(await invoke(action, { content: { how: 'error' } }));
        assert.deepEqual([refused.response.statusCode, refused.response.result], [1, { error: 'sorry' }]);
        assert.deepEqual(recordOf(await invoke(action)).response.result, { n: 3 });
        assert.equal(recordOf(await invoke(action, { content: { how: 'exit' } })).response.statusCode, 2);
        assert.deepEqual(recordOf(await invoke(action)).response.result, { n: 1 });
      });
    });

    describe('beside that', () => {
      it('publishes the event of an activation together with the freed slot', async () => {
        const heard: { body: { activationId: string; name: string; initTime: number; kind: string } }[] = [];
        const subscription = await deployment.events((event) => heard.push(event as (typeof heard)[number]));
        const completed = await invoke(deployment.deploy('eventful', echo));
        await deployment.controller.until(() => heard.some(({ body }) => body.activationId === completed.activationId));
        await subscription.close();
        const { body } = heard.find((event) => event.body.activationId === completed.activationId) ?? {};
        assert.deepEqual([body?.name, body?.kind], ['guest/eventful', 'nodejs:instainfer']);
        assert.ok((body?.initTime ?? 0) > 0);
      });

      it('goes out of rotation and comes back when an operator says so', async () => {
        assert.equal(await deployment.invoker.heartbeat.disable(), true);
        await deployment.controller.until(() => deployment.controller.stateOf(2) === 'down');
        assert.equal(deployment.invoker.heartbeat.enable(), true);
        await deployment.controller.until(() => deployment.controller.stateOf(2) === 'up');
      });

      it('says that it leaves, finishes what it has in hand, and takes nothing more', async () => {
        const action = deployment.deploy('leaving', 'function main() { return new Promise((resolve) => setTimeout(() => resolve({ done: true }), 800)) }');
        const { completed } = deployment.controller.invoke(action);
        await deployment.controller.until(() => deployment.invoker.pendingCount === 1);
        await deployment.invoker.stop();
        assert.deepEqual(recordOf(await completed).response.result, { done: true });
        await deployment.controller.until(() => deployment.controller.stateOf(2) === 'down');
        assert.throws(() => deployment.controller.invoke(action), /No invokers available/);
      });
    });
  });

  describe(`an invoker of a deployment that allows several activations in a container, ${name}`, function () {
    this.timeout(120_000);
    let deployment: StockDeployment;
    /** Answers no call before so many are there. */
    const gathering = (count: number): string => `
      const waiting = [];
      function main({ i }) {
        return new Promise((resolve) => {
          waiting.push(() => resolve({ i, pid: process.pid }));
          if (waiting.length === ${count}) for (const answer of waiting) answer();
        });
      }`;

    before(async function () {
      deployment = await StockDeployment.start(await connect.call(this), { invoker: { concurrencyMax: 4, intake: embeddedServing(512 * 1024 * 1024, 4).intake } });
    });
    after(async () => {
      // Undefined where the bus does not exist on this machine.
      await (deployment as StockDeployment | undefined)?.stop();
    });
    const invokeAll = (action: StockAction, count: number): Promise<Completed[]> => Promise.all(Array.from({ length: count }, (_, i) => deployment.controller.invoke(action, { content: { i } }).completed));
    const resultsOf = (all: readonly Completed[]): { i: number; pid: number }[] => all.map((completed) => recordOf(completed).response.result as { i: number; pid: number });

    it('runs as many of an action as its limit allows at once in one container, and frees each slot once', async () => {
      const all = await invokeAll(deployment.deploy('gathering', gathering(4), { limits: { memory: 512, concurrency: 4 } }), 4);
      assert.deepEqual(resultsOf(all).map(({ i }) => i), [0, 1, 2, 3]);
      assert.equal(new Set(resultsOf(all).map(({ pid }) => pid)).size, 1);
      assert.equal(all.filter((completed) => 'initTime' in annotationsOf(recordOf(completed))).length, 1, 'one of them was initialised');
      assert.deepEqual([deployment.controller.unexpected, deployment.controller.dropped], [[], []]);
      assert.deepEqual(deployment.controller.invokers.map(({ freeMegabytes }) => freeMegabytes), [512]);
    });

    it('runs no more than its own maximum of an action that allows more', async () => {
      const code = 'let now = 0, most = 0; function main() { now += 1; most = Math.max(most, now); return new Promise((resolve) => setTimeout(() => { now -= 1; resolve({ most }); }, 100)); }';
      const all = await invokeAll(deployment.deploy('greedy', code, { limits: { memory: 512, concurrency: 50 } }), 12);
      assert.equal(Math.max(...all.map((completed) => (recordOf(completed).response.result as { most: number }).most)), 4);
    });
  });
}
