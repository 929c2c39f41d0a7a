// The demo with its parts as processes of their own: two invokers and the planner, and between them a real broker.
import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import kafkajs from 'kafkajs';
import { testBroker } from '../../../common/testing/kafka-for-tests.ts';
import { replayJournal } from '../../../invoker-plugin/replay-journal.ts';
import { summarySchema, type Summary } from '../../report/summary-schema.ts';
import { processesWithHome, rowsOf, startDemo, type Finished } from '../../testing/demo-process.ts';

describe('npm run demo -- --bus kafka --invokers 2', function () {
  this.timeout(600_000);
  let broker: string;
  let out: string;
  let result: Finished;

  before(async function () {
    broker = await testBroker(this);
    out = mkdtempSync(path.join(tmpdir(), 'demo-kafka-'));
    result = await replay('with', []);
  });
  after(() => {
    if (out !== undefined) rmSync(out, { recursive: true, force: true });
  });

  const replay = (name: string, options: string[]): Promise<Finished> =>
    startDemo(['live', '--small', '--speed', '6', '--bus', 'kafka', '--invokers', '2', '--brokers', broker, '--out', path.join(out, name), ...options], out).finished;
  const summaryOf = (name: string): Summary => summarySchema.parse(JSON.parse(readFileSync(path.join(out, name, 'summary.json'), 'utf8')));

  it('answers all 114 activations successfully, on both invokers', () => {
    assert.equal(result.exitCode, 0, result.stderr);
    const rows = rowsOf(path.join(out, 'with'));
    assert.equal(rows.length, 114);
    assert.ok(rows.every(({ status }) => status === 'success'));
    assert.deepEqual([...new Set(rows.map(({ container }) => container.split('/')[0]))].sort(), ['0', '1']);
  });

  it('sends every call of an action to its home invoker while that has room', () => {
    const invokersOf = new Map<string, Set<string>>();
    for (const { action, container } of rowsOf(path.join(out, 'with'))) {
      invokersOf.set(action, (invokersOf.get(action) ?? new Set()).add(container.split('/')[0] ?? ''));
    }
    assert.ok([...invokersOf.values()].some(({ size }) => size === 1));
  });

  it('ends with the same report', () => {
    assert.match(result.stdout, /114 of 114 activations succeeded/);
    assert.match(result.stdout, /Measured \(seed 1, warm cache, small models\): [\d.]+ % of 114 activations start warm or preloaded/);
    assert.equal(summaryOf('with').context.poolMemoryMb, 16_384);
  });

  it('leaves a journal of each invoker that replays to the same commands', () => {
    for (const name of ['journal.jsonl', 'journal-1.jsonl']) {
      const lines = readFileSync(path.join(out, 'with', name), 'utf8').split('\n');
      assert.ok(lines.length > 100, name);
      assert.deepEqual(replayJournal(lines), []);
    }
  });

  it('leaves no process and no topic', async () => {
    assert.deepEqual(processesWithHome(out), []);
    const admin = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    const topics = await admin.listTopics();
    await admin.disconnect();
    assert.deepEqual(topics.filter((topic) => /^demo-[0-9a-f]{8}-/.test(topic)), []);
  });

  // A machine that is busy with something else decides such a comparison: a pair of runs that was disturbed is repeated.
  it('answers sooner than the same replay without pre-loading', async function () {
    this.retries(3);
    const [preloading, plain] = [`with-${Date.now()}`, `without-${Date.now()}`];
    for (const [name, preload] of [
      [preloading, 'on'],
      [plain, 'off'],
    ] as const) {
      const { exitCode, stderr } = await replay(name, ['--preload', preload]);
      assert.equal(exitCode, 0, stderr);
    }
    const [faster, slower] = [summaryOf(preloading), summaryOf(plain)];
    assert.ok((faster.activations.byStartType['preloaded'] ?? 0) > 0);
    assert.equal(slower.activations.byStartType['preloaded'], 0);
    const [fasterMs, slowerMs] = [faster.startupMs?.mean, slower.startupMs?.mean];
    assert.ok(fasterMs !== undefined && slowerMs !== undefined && fasterMs < slowerMs, `startup ${fasterMs} ms with, ${slowerMs} ms without`);
  });

  for (const { title, args, error } of [
    { title: 'a broker that does not answer', args: ['--bus', 'kafka', '--brokers', '127.0.0.1:1'], error: /does not answer.*scripts\/kafka up.*BROKER_UNAVAILABLE/ },
    { title: 'several invokers without Kafka', args: ['--invokers', '2'], error: /--invokers .*--bus kafka/ },
  ]) {
    it(`refuses ${title} with one line and a way out`, async () => {
      const { exitCode, stderr } = await startDemo(['live', '--small', '--out', path.join(out, 'refused'), ...args], out).finished;
      assert.equal(exitCode, 1);
      assert.match(stderr.trimEnd().split('\n').at(-1) ?? '', error);
    });
  }
});
