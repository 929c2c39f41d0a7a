// What user code and a broken surrounding can do to a container: the slot is lost, the proxy is not, and whoever asks
// is told what became of it.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '../../common/testing/eventually.ts';
import { assertExtensionError, DrivenRuntime, isAlive } from '../testing/driven-runtime.ts';
import { RuntimeProcess, type Reply } from '../testing/runtime-process.ts';

const marker = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';
const echoCode = 'function main(args) { return args; }';
const exitedUnexpectedly = { error: 'The action did not produce a valid response and exited unexpectedly.' };
/** Long enough for a busy machine, short enough to tell a hang. */
const promptMs = 2000;

const started: DrivenRuntime[] = [];

async function start(...given: Parameters<typeof DrivenRuntime.start>): Promise<DrivenRuntime> {
  const driven = await DrivenRuntime.start(...given);
  started.push(driven);
  return driven;
}

// A container that a failed test has left in a state in which it does not end by itself.
after(() => {
  for (const { runtime } of started) runtime.child.kill('SIGKILL');
});

async function promptly(call: Promise<Reply>): Promise<Reply> {
  const startedAt = performance.now();
  const reply = await call;
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < promptMs, `${tookMs} ms`);
  return reply;
}

/** What the probes say, each promptly: `[/healthz, /readyz, state of /status]`. */
async function probes({ runtime }: { runtime: RuntimeProcess }): Promise<[number, number, string]> {
  const [health, ready, status] = await Promise.all(['/healthz', '/readyz', '/status'].map((route) => promptly(runtime.call('GET', route))));
  return [health!.status, ready!.status, (status!.json as { state: string }).state];
}

/** The container takes another action as if nothing had been. */
async function assertUsable(driven: DrivenRuntime): Promise<void> {
  assert.equal((await driven.clean(false)).status, 200);
  await driven.initialised('two', echoCode);
  assert.deepEqual(await driven.result({ a: 1 }), { a: 1 });
}

describe('a slot that', function () {
  this.timeout(30_000);
  let driven: DrivenRuntime;
  before(async () => {
    driven = await start();
  });
  after(() => driven.stop());
  beforeEach(() => driven.reset());

  const deaths = {
    'aborts in native code': 'process.abort();',
    'breaks its memory (SIGSEGV)': `process.kill(process.pid, 'SIGSEGV'); for (;;);`,
    'closes its channel to the proxy': `require('node:fs').closeSync(3); return new Promise(() => {});`,
    'writes rubbish to the proxy': `require('node:fs').writeSync(3, Buffer.alloc(1 << 16, 0xee)); return new Promise(() => {});`,
    'announces a message of 4 GB': `require('node:fs').writeSync(3, Buffer.from([0xff, 0xff, 0xff, 0xff, 1])); return new Promise(() => {});`,
  };
  for (const [what, code] of Object.entries(deaths)) {
    it(`${what} fails its activation, with one marker on each stream; the container can be used again`, async () => {
      const before = await driven.runtime.readLogs();
      await driven.initialised('one', `function main() { ${code} }`);
      const reply = await driven.run();
      assert.deepEqual([reply.status, reply.json], [502, exitedUnexpectedly]);
      const logs = await driven.runtime.readLogs();
      for (const stream of ['stdout', 'stderr'] as const) assert.equal(logs[stream].slice(before[stream].length).split(marker).length, 2, stream);
      assert.deepEqual(await probes(driven), [200, 503, 'stopped']);
      await assertUsable(driven);
      assert.deepEqual(await probes(driven), [200, 200, 'initialised']);
    });
  }

  it('aborts as its code is evaluated fails the initialisation', async () => {
    const reply = await driven.init('one', 'process.abort();');
    assert.deepEqual([reply.status, reply.json], [502, { error: 'Initialization has failed due to: the action did not initialize and exited unexpectedly.' }]);
    assert.deepEqual(await probes(driven), [200, 503, 'stopped']);
    await assertUsable(driven);
  });

  it('dies while it loads ahead of a call fails that load, and nothing else', async () => {
    await driven.blankSlot();
    // Stopped, so that the load is sure to be under way.
    const [blank] = driven.slotPids();
    process.kill(blank!, 'SIGSTOP');
    const loading = driven.load('one');
    await eventually(async () => (await driven.slotStates())['guest/one'] === 'loading', 'the load begins');
    process.kill(blank!, 'SIGKILL');
    assertExtensionError(await loading, 422, 'artifact');
    assert.deepEqual(await probes(driven), [200, 200, 'stem']);
    await assertUsable(driven);
  });

  it('dies before it has begun costs the call that took it no more than another process', async () => {
    const spare = await holdSpare(driven);
    const initialised = driven.init('one', echoCode);
    await eventually(async () => (await driven.slotStates())['guest/one'] !== undefined, 'the call takes it');
    process.kill(spare, 'SIGKILL');
    const reply = await initialised;
    assert.equal(reply.status, 200, reply.text);
    assert.deepEqual(await driven.result({ a: 1 }), { a: 1 });
    assert.ok(!isAlive(spare));
  });

  it('dies before it has begun costs the load that took it no more than another process', async () => {
    const spare = await holdSpare(driven);
    const loading = driven.loaded('one');
    await eventually(async () => (await driven.slotStates())['guest/one'] !== undefined, 'the load takes it');
    process.kill(spare, 'SIGKILL');
    assert.equal((await loading).ok, true);
    assert.deepEqual(await driven.slotStates(), { 'guest/one': 'resident' });
    assert.ok(!isAlive(spare));
  });

  it('never comes back from a loop does not keep the proxy from answering, nor from ending in its grace period', async () => {
    const hung = await start({ INSTAINFER_GRACE_MS: '300' });
    await hung.initialised('one', 'function main() { for (;;); }');
    const lost = hung.run();
    await eventually(async () => (await hung.status()).state === 'running', 'the activation runs');
    assert.deepEqual(await probes(hung), [200, 200, 'running']);
    const pids = hung.slotPids();
    assert.ok(pids.length > 0);
    const stopped = hung.stop();
    const reply = await lost;
    assert.deepEqual([reply.status, reply.json], [502, exitedUnexpectedly]);
    assert.equal(await stopped, 0);
    await eventually(() => !pids.some(isAlive), 'its slots have ended');
  });

  it('floods its log keeps no one waiting but itself, and its marker comes last', async () => {
    const before = await driven.runtime.readLogs();
    const bytes = 20_000_000;
    await driven.initialised('one', `function main() { for (let n = 0; n < ${bytes / 100_000}; n++) { process.stdout.write('o'.repeat(99_999) + '\\n'); process.stderr.write('e'.repeat(99_999) + '\\n'); } return {}; }`);
    const flooding = driven.run();
    await probes(driven);
    assert.equal((await flooding).status, 200);
    await eventually(async () => (await driven.runtime.readLogs()).stdout.endsWith(marker), 'the marker');
    const logs = await driven.runtime.readLogs();
    assert.equal(logs.stdout.length - before.stdout.length, bytes + marker.length);
    assert.ok(logs.stderr.endsWith(marker));
  });

  it('leaks until it is cleaned gives everything back then', async () => {
    await driven.initialised('one', 'const kept = []; function main() { kept.push(Buffer.alloc(5_000_000, 1)); return { kept: kept.length }; }');
    for (let run = 0; run < 20; run++) await driven.result();
    const { memory: leaked } = await driven.status();
    await driven.clean(false);
    const { memory } = await driven.status();
    assert.ok(leaked.usedBytes - memory.usedBytes > 80_000_000, `${leaked.usedBytes} bytes, then ${memory.usedBytes}`);
  });
});

describe('a log that nobody reads', function () {
  this.timeout(30_000);

  it('holds up the action that fills it, but neither the probes nor the end of the container', async () => {
    const driven = await start({ INSTAINFER_GRACE_MS: '300' });
    // Whoever opens the stream as Node does (`process.stdout`) makes it non-blocking for all that share it.
    await driven.initialised('one', `function main() { for (;;) try { require('node:fs').writeSync(1, 'x'.repeat(1000)); } catch (error) { if (error.code !== 'EAGAIN') throw error; } }`);
    driven.runtime.child.stdout?.pause();
    driven.runtime.child.stderr?.pause();
    const lost = driven.run().catch(() => undefined);
    await eventually(async () => (await driven.status()).state === 'running', 'the activation runs');
    // A refusal goes to the log as well.
    assert.equal((await promptly(driven.init('one', echoCode))).status, 403);
    assert.deepEqual(await probes(driven), [200, 200, 'running']);
    const ended = once(driven.runtime.child, 'exit');
    driven.runtime.child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    await lost;
    await driven.stop();
  });

  it('does not matter when it has been closed: calls are answered as ever', async () => {
    const driven = await start();
    driven.runtime.child.stdout?.destroy();
    driven.runtime.child.stderr?.destroy();
    await driven.initialised('one', 'function main() { process.exit(1); }');
    assert.equal((await driven.init('one', echoCode)).status, 403);
    assert.equal((await driven.run()).status, 502);
    await assertUsable(driven);
    assert.equal(await driven.stop(), 0);
  });
});

describe('a container that is told to end', function () {
  this.timeout(30_000);

  it('finishes what runs, and refuses everything else meanwhile', async () => {
    const driven = await start();
    await driven.initialised('one', `function main({ until }) { return new Promise((resolve) => { const timer = setInterval(() => { if (require('node:fs').existsSync(until)) { clearInterval(timer); resolve({ done: true }); } }, 10); }); }`);
    const until = path.join(driven.storeDir, 'finish');
    const running = driven.run({ until });
    await eventually(async () => (await driven.status()).state === 'running', 'the activation runs');
    driven.runtime.child.kill('SIGTERM');
    await eventually(async () => (await probes(driven))[1] === 503, 'it is not ready any more');
    assert.deepEqual(await probes(driven), [200, 503, 'draining']);
    const refused = [driven.run(), driven.init('two', echoCode), driven.load('one'), driven.clean(false)];
    assert.deepEqual(
      (await Promise.all(refused)).map(({ status }) => status),
      [503, 503, 503, 503],
    );
    driven.runtime.child.kill('SIGTERM');
    const ended = once(driven.runtime.child, 'exit');
    writeFileSync(until, '');
    const reply = await running;
    assert.deepEqual([reply.status, reply.json], [200, { done: true }]);
    assert.deepEqual(await ended, [0, null]);
    await driven.stop();
  });

  it('gives up a load under way', async () => {
    const driven = await start();
    const loading = driven.load('one', { artifacts: { models: [{ name: 'one', store: 'one' }], libraries: ['sharp', 'tar'] } }).catch(() => undefined);
    const ended = once(driven.runtime.child, 'exit');
    driven.runtime.child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    await loading;
    await driven.stop();
  });

  it('gives up an initialisation that waits for its process, and begins no other', async () => {
    const driven = await start({ INSTAINFER_GRACE_MS: '100' });
    const spare = await holdSpare(driven);
    const waiting = driven.init('one', echoCode);
    await eventually(async () => (await driven.slotStates())['guest/one'] !== undefined, 'the call takes the process');
    const ended = once(driven.runtime.child, 'exit');
    driven.runtime.child.kill('SIGTERM');
    assert.equal((await waiting).status, 503);
    assert.deepEqual(await ended, [0, null]);
    assert.ok(!isAlive(spare));
    await driven.stop();
  });

  it('by an error of its own that nobody caught finishes what runs as well, says what it was, and exits with 1', async () => {
    const fault = encodeURIComponent('process.on("SIGUSR2", () => { throw new Error("injected"); });');
    const driven = await start({ NODE_OPTIONS: `--import=data:text/javascript,${fault}` });
    await driven.initialised('one', 'function main() { return new Promise((resolve) => setTimeout(resolve, 500, { done: true })); }');
    const running = driven.run();
    await eventually(async () => (await driven.status()).state === 'running', 'the activation runs');
    const ended = once(driven.runtime.child, 'exit');
    driven.runtime.child.kill('SIGUSR2');
    assert.deepEqual((await running).json, { done: true });
    assert.deepEqual(await ended, [1, null]);
    assert.match((await driven.runtime.readLogs()).stderr, /error that nobody caught: Error: injected/);
    await driven.stop();
  });
});

describe('a surrounding in which no process can be started', function () {
  this.timeout(30_000);

  it('for want of descriptors fails the initialisation, and goes on when there are some again', async () => {
    const driven = await start({ INSTAINFER_BLANK_SLOTS: '0' });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const port = Number(new URL(driven.runtime.baseUrl).port);
    // The connection that is to be used later has to be there before the descriptors are gone.
    assert.equal(await requestOver(agent, port, 'GET', '/healthz'), 200);
    const limit = descriptorsOf(driven) + 5;
    setDescriptorLimit(driven, limit);
    const crowd = Array.from({ length: 30 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await eventually(() => descriptorsOf(driven) >= limit - 1, 'the descriptors are used up');
    const body = JSON.stringify({ value: { name: 'one', main: 'main', code: echoCode, binary: false, env: {} } });
    assert.equal(await requestOver(agent, port, 'POST', '/init', body), 502);
    assert.equal(await requestOver(agent, port, 'GET', '/readyz'), 503);
    for (const socket of crowd) socket.destroy();
    agent.destroy();
    setDescriptorLimit(driven, 1024);
    await eventually(() => descriptorsOf(driven) < limit - 5, 'there are descriptors again');
    await assertUsable(driven);
    await driven.stop();
  });

  it('for want of a folder to work in says so, and does not end', async () => {
    const temporary = mkdtempSync(path.join(os.tmpdir(), 'lost-folder-'));
    const driven = await start({ TMPDIR: temporary });
    await driven.blankSlot();
    for (const name of readdirSync(temporary)) rmSync(path.join(temporary, name), { recursive: true, force: true });
    // The blank slot is used up, and there can be no other.
    await driven.init('one', echoCode);
    await driven.clean(false);
    const reply = await driven.init('two', echoCode);
    assert.equal(reply.status, 502);
    assert.match(reply.text, /Initialization has failed due to/);
    assert.deepEqual(await probes(driven), [200, 503, 'stopped']);
    await driven.clean(false);
    assert.deepEqual(await probes(driven), [200, 200, 'stem']);
    assert.match(assertExtensionError(await driven.load('one'), 503, 'unavailable').error, /No process could be started/);
    assert.equal(await driven.stop(), 0);
    rmSync(temporary, { recursive: true, force: true });
  });

  it('from the beginning ends at once and says what is missing', async () => {
    const main = path.resolve(import.meta.dirname, '../main.js');
    const { status, stderr } = spawnSync(process.execPath, [main], { env: { PORT: '0', HOST: '127.0.0.1', TMPDIR: '/nowhere/at/all' }, encoding: 'utf8', timeout: 10_000 });
    assert.equal(status, 1);
    assert.match(stderr, /nowhere\/at\/all.*TMPDIR/);
  });
});

/** Stops a spare process before it is ready; on a machine where it was faster, the next one. */
async function holdSpare(driven: DrivenRuntime): Promise<number> {
  let spare: number | undefined;
  await eventually(
    async () => {
      const former = driven.slotPids();
      for (const pid of former) process.kill(pid, 'SIGKILL');
      await eventually(() => !former.some(isAlive), 'the former processes end');
      // What is missing is made good after each call.
      await driven.reset();
      await eventually(() => {
        [spare] = driven.slotPids();
        return spare !== undefined;
      }, 'a new spare process');
      process.kill(spare!, 'SIGSTOP');
      return !(await driven.status()).blankSlotReady;
    },
    'a spare process held before it is ready',
    20_000,
  );
  return spare!;
}

function setDescriptorLimit({ runtime }: DrivenRuntime, limit: number): void {
  assert.equal(spawnSync('prlimit', ['--pid', String(runtime.child.pid), `--nofile=${limit}:`]).status, 0);
}

const descriptorsOf = ({ runtime }: DrivenRuntime): number => readdirSync(`/proc/${runtime.child.pid}/fd`).length;

async function requestOver(agent: http.Agent, port: number, method: string, route: string, body?: string): Promise<number | undefined> {
  const request = http.request({ port, host: '127.0.0.1', method, path: route, agent, headers: body === undefined ? {} : { 'content-length': Buffer.byteLength(body) } });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}
