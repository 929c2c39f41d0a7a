// Reading, writing and signalling what is somebody else's: the proxy's, another slot's, the image's, the model store's.
import { strict as assert } from 'node:assert';
import type { Section } from '../hostile-suite.ts';
import { assertRefused, token, type Outcome } from './tenants.ts';

type Outcomes = Record<string, Outcome>;

/** Code that tries everything on a process: `pid` is a variable of it. */
const attemptsOnProcess = `({
  environ: attempt(() => fs.readFileSync('/proc/' + pid + '/environ', 'utf8')),
  memory: attempt(() => fs.openSync('/proc/' + pid + '/mem', 'r+')),
  maps: attempt(() => fs.readFileSync('/proc/' + pid + '/maps', 'utf8') || 'nothing'),
  descriptors: attempt(() => fs.readdirSync('/proc/' + pid + '/fd')),
  folder: attempt(() => fs.readlinkSync('/proc/' + pid + '/cwd')),
  root: attempt(() => fs.readdirSync('/proc/' + pid + '/root/')),
  kill: attempt(() => process.kill(pid, 'SIGKILL')),
  wake: attempt(() => process.kill(pid, 'SIGCONT')),
  inspector: attempt(() => process.kill(pid, 'SIGUSR1')),
  niceness: attempt(() => os.setPriority(pid, 19)),
  killingOrder: attempt(() => fs.writeFileSync('/proc/' + pid + '/oom_score_adj', '1000')),
})`;

export function describeIntrusion({ tenants, another }: Section): void {
  it('has a user of its own without any right, and no descriptor that is not its own', async () => {
    const look = `
      function main() {
        const status = fs.readFileSync('/proc/self/status', 'utf8');
        const field = (name) => new RegExp('^' + name + ':[ \\\\t]*(.*)$', 'm').exec(status)?.[1].trim();
        const descriptors = fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } });
        return {
          uids: field('Uid').split(/\\s+/), gids: field('Gid').split(/\\s+/), groups: field('Groups'),
          capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(field), noNewPrivileges: field('NoNewPrivs'),
          umask: process.umask(), coreBytes: /^Max core file size\\s+(\\S+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'))[1],
          strange: descriptors.filter((target) => !/^(pipe|socket|anon_inode):|^\\/dev\\/null$|^\\/proc\\/|^$/.test(target)),
        };
      }`;
    interface Look {
      readonly uids: string[];
      readonly gids: string[];
    }
    const first = await tenants().act<Look>('one', 'look', look);
    await tenants().clean();
    const second = await tenants().act<Look>('two', 'look', look);
    for (const { uids, gids, ...rest } of [first, second]) {
      assert.equal(new Set([...uids, ...gids]).size, 1);
      assert.ok(Number(uids[0]) >= 1000, `user ${uids[0] ?? ''}`);
      assert.deepEqual(rest, { groups: '', capabilities: Array.from({ length: 5 }, () => '0000000000000000'), noNewPrivileges: '1', umask: 0o077, coreBytes: '0', strange: [] });
    }
    assert.notEqual(first.uids[0], second.uids[0]);
  });

  it('reads nothing of the proxy, least of all its token, and sends it no signal', async () => {
    const outcomes = await tenants().act<Outcomes>('evil', 'spy', `const pid = process.ppid; function main() { return ${attemptsOnProcess}; }`);
    assertRefused(outcomes);
    assert.ok(!JSON.stringify(outcomes).includes(token));
    assert.equal((await tenants().status()).state, 'initialised');
  });

  it("reads nothing of a slot that stands frozen, though it is of the same namespace, and doesn't wake it", async () => {
    const secret = `fs.writeFileSync('secret', 'x'); process.env.SECRET = 'x'; fs.chmodSync('secret', 0o644); function main() { return { pid: process.pid, home: process.env.HOME }; }`;
    const target = await tenants().act<{ pid: number; home: string }>('same', 'keeper', secret);
    await tenants().clean(true);
    const spy = `
      function main({ pid, home }) {
        return { ...${attemptsOnProcess}, list: attempt(() => fs.readdirSync(home)), file: attempt(() => fs.readFileSync(home + '/secret')), plant: attempt(() => fs.writeFileSync(home + '/planted', 'x')), rename: attempt(() => fs.renameSync(home, home + '-taken')), neighbours: attempt(() => fs.readdirSync(path.dirname(home))) };
      }`;
    assertRefused(await tenants().act('same', 'spy', spy, target));
    assert.deepEqual(Object.fromEntries((await tenants().status()).slots.map(({ action, state }) => [action, state])), { 'same/keeper': 'retained', 'same/spy': 'active' });
  });

  it("reads nothing of a slot that holds another tenant's artifacts", async () => {
    const spy = `
      function main() {
        const tried = {};
        for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map(Number)) {
          if (uidOf(pid) !== process.getuid() && fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8').includes('slot-entry')) tried[pid] = ${attemptsOnProcess};
        }
        return tried;
      }`;
    const initialised = await tenants().init('evil', 'spy', spy);
    assert.equal(initialised.status, 200, initialised.text);
    const loaded = await tenants().call('POST', '/load', { value: { action: 'victim/model', namespace: 'victim', artifacts: { models: [{ name: 'one', store: 'one' }] } } });
    assert.equal(loaded.status, 200, loaded.text);
    const tried = await tenants().result<Record<string, Outcomes>>();
    assert.ok(Object.keys(tried).length > 0, 'there was a slot to spy on');
    for (const outcomes of Object.values(tried)) assertRefused(outcomes);
    assert.equal((await tenants().status()).slots.find(({ action }) => action === 'victim/model')?.state, 'resident');
  });

  it('changes no file of the image, of the runtime, of the SDK or of the model store', async () => {
    const code = `
      const store = process.env.INSTAINFER_MODEL_STORE;
      const files = [process.execPath, process.argv[1], require.resolve('instainfer'), require.resolve('onnxruntime-node'), path.join(store, 'manifest.json'), path.join(path.dirname(process.argv[1]), '../main.js'), '/etc/passwd', '/bin/sh'];
      function main() {
        const readable = attempt(() => fs.readFileSync(files[4]));
        const outcomes = {};
        for (const file of files) {
          outcomes['write ' + file] = attempt(() => fs.openSync(file, 'r+'));
          outcomes['rename ' + file] = attempt(() => fs.renameSync(file, file + '.gone'));
          outcomes['remove ' + file] = attempt(() => fs.unlinkSync(file));
          outcomes['replace ' + file] = attempt(() => { fs.writeFileSync('mine', 'x'); fs.renameSync('mine', file); });
          outcomes['mode ' + file] = attempt(() => fs.chmodSync(file, 0o777));
          outcomes['beside ' + file] = attempt(() => fs.writeFileSync(file + '.planted', 'x'));
        }
        return { readable, outcomes };
      }`;
    const { readable, outcomes } = await tenants().act<{ readable: Outcome; outcomes: Outcomes }>('evil', 'vandal', code);
    assert.ok(readable.done !== undefined, 'the model store can be read');
    assertRefused(outcomes);
    await tenants().assertUnharmed();
  });

  it('gains no right through a program that has more', async () => {
    const code = `
      function main() {
        const programs = ['/bin/su', '/usr/bin/su', '/bin/mount', '/usr/bin/passwd', '/usr/bin/sudo', '/usr/bin/newgrp'].filter((file) => fs.existsSync(file));
        const shell = attempt(() => execFileSync('/bin/sh', ['-c', 'cp /bin/sh own; chmod 6755 own; ./own -c "id -u"'], { encoding: 'utf8' }).trim());
        return { mount: attempt(() => execFileSync('mount', ['-t', 'tmpfs', 'x', '/mnt'], { stdio: 'pipe' })), setuid: attempt(() => process.setuid(0)), chroot: attempt(() => execFileSync('chroot', ['/', 'id'], { stdio: 'pipe' })), shell, me: String(process.getuid()), programs };
      }`;
    const { mount, setuid, chroot, shell, me } = await tenants().act<{ mount: Outcome; setuid: Outcome; chroot: Outcome; shell: Outcome; me: string }>('evil', 'climber', code);
    for (const [what, { done }] of Object.entries({ mount, setuid, chroot })) assert.equal(done, undefined, what);
    assert.equal(shell.done, me);
  });

  it("takes neither the proxy's port nor raises its own priority", async () => {
    const code = `
      const net = require('node:net');
      const bind = (host, port) => new Promise((resolve) => {
        const server = net.createServer().once('error', (error) => resolve(error.code)).once('listening', () => { server.close(); resolve('bound'); }).listen({ host, port });
      });
      async function main({ port }) { return { loopback: await bind('127.0.0.1', port), priority: attempt(() => os.setPriority(-5)) }; }`;
    const { loopback, priority } = await tenants().act<{ loopback: string; priority: Outcome }>('evil', 'listener', code, { port: Number(new URL(tenants().container.ownUrl).port) });
    assert.equal(loopback, 'EADDRINUSE');
    assertRefused({ priority });
  });

  it('is turned away from /load, /offload, /clean and /status of its own container and of a neighbour, whatever token it makes up', async () => {
    const neighbour = await another();
    const code = `
      async function main({ urls }) {
        const statuses = [];
        for (const url of urls) for (const [method, route] of [['POST', '/load'], ['POST', '/offload'], ['POST', '/clean'], ['GET', '/status']]) {
          for (const authorization of [undefined, 'Bearer', 'Bearer ', 'Bearer x', 'Bearer undefined', 'Basic YTpi', 'Bearer ' + 'x'.repeat(8000)]) {
            const reply = await fetch(url + route, { method, ...(method === 'POST' ? { body: '{"value":{"all":true}}' } : {}), headers: authorization === undefined ? {} : { authorization } });
            statuses.push(reply.status);
            await reply.text();
          }
        }
        return { statuses };
      }`;
    const { statuses } = await tenants().act<{ statuses: number[] }>('evil', 'caller', code, { urls: [tenants().container.ownUrl, neighbour.container.neighbourUrl] });
    assert.deepEqual([statuses.length, [...new Set(statuses)]], [56, [403]]);
    assert.equal((await neighbour.status()).state, 'stem');
    assert.equal((await tenants().status()).state, 'initialised');
  });
}
