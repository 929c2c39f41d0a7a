// What an action leaves behind for whoever comes next: processes, files, changes to its own process.
import { strict as assert } from 'node:assert';
import { eventually } from '../../../common/testing/eventually.ts';
import type { Section } from '../hostile-suite.ts';
import { assertRefused, type Outcome } from './tenants.ts';

/** Starts processes that outlive their parents, their session and their process group, and ignore what can be ignored. */
const strays = `
  execFileSync('/bin/sh', ['-c', 'trap "" TERM HUP INT; (sleep 1000 &) ; (setsid sh -c "trap \\\\"\\\\" TERM HUP; sleep 1000" >/dev/null 2>&1 &)'], { stdio: 'ignore' });
  spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' }).unref();
`;

/** How many processes of a user there are, as the next tenant sees it. */
const countCode = 'function main({ uid }) { return { count: processesOf(uid).length }; }';

export function describeLeftovers({ tenants }: Section): void {
  it('has no process left when another tenant comes, however it was started', async () => {
    const { uid, count } = await tenants().act<{ uid: number; count: number }>('evil', 'parent', `${strays} function main() { return { uid: process.getuid(), count: processesOf(process.getuid()).length }; }`);
    assert.ok(count >= 4, `${count} processes were started`);
    await tenants().clean();
    assert.deepEqual(await tenants().act('next', 'counter', countCode, { uid }), { count: 0 });
  });

  it('has no process left when its own process ends by itself', async () => {
    const { uid } = await tenants().act<{ uid: number }>('evil', 'parent', `${strays} function main({ end }) { if (end) process.exit(0); return { uid: process.getuid() }; }`);
    assert.equal((await tenants().call('POST', '/run', { value: { end: true } })).status, 502);
    await tenants().clean();
    await tenants().act('next', 'counter', countCode, { uid });
    await eventually(async () => (await tenants().result<{ count: number }>({ uid })).count === 0, 'nothing of the former tenant runs');
  });

  it('counts with all its processes, not with the first alone', async () => {
    const hog = `
      const child = spawn(process.execPath, ['-e', 'const held = Buffer.alloc(60e6, 1); process.stdout.write("ready"); setInterval(() => held, 1000)'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
      const ready = new Promise((resolve) => child.stdout.once('data', resolve));
      async function main() { await ready; return {}; }`;
    await tenants().act('evil', 'hog', hog);
    const { slots } = await tenants().status();
    const bytes = slots.find(({ action }) => action === 'evil/hog')?.residentBytes ?? 0;
    assert.ok(bytes > 70e6, `${bytes} bytes`);
  });

  it('stands still as a whole when it is kept for its next call, and goes on with it', async () => {
    // A process outside of the slot's group that leaves a trace of its life every few milliseconds.
    const code = `
      const beat = path.join(os.tmpdir(), 'beat');
      spawn('/bin/sh', ['-c', 'while :; do echo x >> "$0"; sleep 0.005; done', beat], { detached: true, stdio: 'ignore' }).unref();
      function main({ wait = 0 }) { return new Promise((resolve) => setTimeout(() => resolve({ size: fs.existsSync(beat) ? fs.statSync(beat).size : 0, uid: process.getuid() }), wait)); }`;
    const { uid } = await tenants().act<{ uid: number }>('evil', 'beater', code, { wait: 50 });
    await tenants().clean(true);
    const watch = `function main({ uid }) { return { states: processesOf(uid).map((pid) => /^State:\\s+(\\w)/m.exec(fs.readFileSync('/proc/' + pid + '/status', 'utf8'))[1]) }; }`;
    const { states } = await tenants().act<{ states: string[] }>('evil', 'watcher', watch, { uid });
    assert.ok(states.length >= 2);
    // One that was waiting for a disk stops when that has answered.
    const allStopped = async (): Promise<boolean> => (await tenants().result<{ states: string[] }>({ uid })).states.every((state) => state === 'T');
    await eventually(allStopped, 'every process is stopped');
    await tenants().clean(true);
    const { size } = await tenants().act<{ size: number }>('evil', 'beater', code);
    await eventually(async () => (await tenants().result<{ size: number }>()).size > size, 'the process goes on');
  });

  it('has no file left when another tenant comes, wherever it could write', async () => {
    const litter = `
      const name = 'litter-' + process.pid;
      const places = [os.tmpdir(), os.homedir(), '/tmp', '/var/tmp', '/dev/shm', '/run/lock', process.cwd()];
      function main() {
        const written = [];
        for (const place of places) {
          const folder = path.join(place, name);
          if (attempt(() => fs.mkdirSync(path.join(folder, 'deep'), { recursive: true })).refused) continue;
          fs.chmodSync(folder, 0o777);
          fs.writeFileSync(path.join(folder, 'deep', 'secret'), 'x', { mode: 0o666 });
          fs.writeFileSync(path.join(place, name + '.txt'), 'x', { mode: 0o666 });
          written.push(folder, path.join(place, name + '.txt'));
        }
        const shared = attempt(() => execFileSync('ipcmk', ['-M', '4096', '-p', '0666'], { stdio: 'pipe' }));
        return { written, shared, uid: process.getuid() };
      }`;
    const { written, uid } = await tenants().act<{ written: string[]; shared: Outcome; uid: number }>('evil', 'litterer', litter);
    assert.ok(written.length >= 6);
    await tenants().clean();
    const code = `
      function main({ written, uid }) {
        const segments = fs.existsSync('/proc/sysvipc/shm') ? fs.readFileSync('/proc/sysvipc/shm', 'utf8').split('\\n').slice(1).filter((line) => line.trim().split(/\\s+/)[7] === String(uid)) : [];
        return { found: written.filter((file) => fs.existsSync(file)), segments };
      }`;
    // What lies elsewhere is gone before other code runs; what lies in its own folder cannot be reached, and goes.
    assert.deepEqual(await tenants().act('next', 'finder', code, { written, uid }), { found: [], segments: [] });
  });

  it('makes no message queue that would outlive it', async () => {
    const limit = await tenants().act('evil', 'queuer', `function main() { return { bytes: /^Max msgqueue size\\s+(\\S+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1] }; }`);
    assert.deepEqual(limit, { bytes: '0' });
  });

  it('has changed nothing for another tenant by changing globals, prototypes, modules, environment and timers', async () => {
    const poison = `
      const Module = require('node:module');
      process.env.POISON = 'x';
      globalThis.poison = 1;
      setInterval(() => {}, 1);
      function main() {
        setTimeout(() => {
          Module._load = () => { throw new Error('poisoned'); };
          for (const id of Object.keys(require.cache)) require.cache[id].exports = {};
          require('node:fs').readFileSync = () => 'poisoned';
          Object.prototype.poison = 'x';
          Object.defineProperty(Array.prototype, 0, { set() { throw new Error('poisoned'); }, configurable: true });
          Buffer.from = () => { throw new Error('poisoned'); };
          JSON.stringify = () => 'poisoned';
          Promise.prototype.then = () => { throw new Error('poisoned'); };
          process.emit = () => false;
        });
        return {};
      }`;
    await tenants().act('evil', 'poisoner', poison);
    // Whatever this gives, it is its own affair.
    await tenants().call('POST', '/run', {});
    await tenants().clean();
    const code = `function main() { return { env: process.env.POISON ?? null, global: typeof poison, prototype: ({}).poison ?? null, load: typeof require('node:module')._load, text: fs.readFileSync('/proc/self/comm', 'utf8').length > 0, json: JSON.stringify([1]) }; }`;
    assert.deepEqual(await tenants().act('next', 'clean', code), { env: null, global: 'undefined', prototype: null, load: 'function', text: true, json: '[1]' });
  });

  it("finds nothing of a former tenant's folder, process or environment", async () => {
    const first = await tenants().act<{ pid: number; home: string }>('first', 'one', `fs.writeFileSync('secret', 'x', { mode: 0o666 }); fs.chmodSync('.', 0o777); function main() { return { pid: process.pid, home: process.env.HOME }; }`);
    await tenants().clean(true);
    const spy = `
      const { pid, home } = ${JSON.stringify(first)};
      const outcomes = { process: attempt(() => fs.readFileSync('/proc/' + pid + '/status')), folder: attempt(() => fs.readdirSync(home)), file: attempt(() => fs.readFileSync(home + '/secret')) };
      function main() { return outcomes; }`;
    assertRefused(await tenants().act('second', 'spy', spy));
  });
}
