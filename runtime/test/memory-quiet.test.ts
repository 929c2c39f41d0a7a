// What a slot does besides what it was asked for: ONNX Runtime has telemetry, which keeps a database under the home folder
// and calls home. A tracer of system calls sees every attempt, whether it succeeds or not.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DrivenRuntime, inferenceCode } from '../testing/driven-runtime.ts';

const traced = 'connect,sendto,sendmsg,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,clone,clone3,fork,vfork';

interface Attempts {
  /** Calls that would leave the machine. */
  readonly network: string[];
  /** Calls that would write or create a file outside of the slot's folder. */
  readonly writes: string[];
}

/** What the process and everything it has started have tried, out of `strace -f`. */
function attemptsOf(pid: number, trace: string, folder: string): Attempts {
  const family = new Set([String(pid)]);
  const lines = trace.split('\n').map((line) => /^(\d+) +(.*)$/.exec(line)).flatMap((match) => (match === null ? [] : [{ pid: match[1]!, call: match[2]! }]));
  const own = lines.filter((line) => {
    if (!family.has(line.pid)) return false;
    const started = /^(?:clone3?\(|v?fork\(|<\.\.\. (?:clone3?|v?fork) resumed>).* = (\d+)$/.exec(line.call)?.[1];
    if (started !== undefined) family.add(started);
    return true;
  });
  const calls = own.map(({ call }) => call);
  const isOutside = (call: string): boolean => ![...call.matchAll(/"([^"]*)"/g)].some(([, name = '']) => name.startsWith(folder) || name.startsWith('/dev/null') || !name.startsWith('/'));
  return {
    network: calls.filter((call) => /^(?:connect|sendto|sendmsg)\(/.test(call) && /AF_INET/.test(call)),
    writes: calls.filter((call) => (/^(?:mkdir|rename|link|symlink|creat)/.test(call) || (/^open/.test(call) && /O_WRONLY|O_RDWR|O_CREAT/.test(call))) && isOutside(call)),
  };
}

describe('a slot that loads and infers', function () {
  this.timeout(120_000);
  let folder: string;
  let trace: string;
  let driven: DrivenRuntime;

  before(async function () {
    if (spawnSync('strace', ['-V']).status !== 0) {
      console.log('      skipped: no strace (apt-get install strace)');
      this.skip();
    }
    folder = mkdtempSync(path.join(os.tmpdir(), 'quiet-'));
    spawnSync('chmod', ['755', folder]);
    trace = path.join(folder, 'trace');
    driven = await DrivenRuntime.start({ TMPDIR: folder }, undefined, `exec strace -D -f -qq -s 200 -e trace=${traced} -o '${trace}' '${process.execPath}' "$0"`);
  });
  after(async () => {
    await (driven as DrivenRuntime | undefined)?.stop();
    if ((folder as string | undefined) !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => driven.reset());

  /** Loads ahead, initialises and runs; what the slot has tried meanwhile. */
  async function attemptsDuring(code: string): Promise<Attempts & { readonly left: unknown }> {
    await driven.loaded('one');
    assert.equal(await driven.initialised('one', code), 'resident');
    const { pid, home, left } = (await driven.result()) as { pid: number; home: string; left: unknown };
    await driven.clean(false);
    return { ...attemptsOf(pid, readFileSync(trace, 'utf8'), home), left };
  }

  const reporting = inferenceCode('one').replace('return {', `return { home: process.env.HOME, left: require('node:fs').readdirSync(process.env.HOME),`);

  it('attempts no connection and writes nothing outside of its folder, nor leaves anything in it', async () => {
    assert.deepEqual(await attemptsDuring(reporting), { network: [], writes: [], left: [] });
  });

  it('would be found out: an action that does both is', async () => {
    const { network, writes } = await attemptsDuring(`
      require('node:net').connect(9, '192.0.2.1').on('error', () => {});
      try { require('node:fs').writeFileSync('/nowhere-to-write', ''); } catch {}
      ${reporting}`);
    assert.ok(network.some((call) => call.includes('192.0.2.1')), network.join('\n'));
    assert.ok(writes.some((call) => call.includes('/nowhere-to-write')), writes.join('\n'));
    rmSync('/nowhere-to-write', { force: true });
  });
});
