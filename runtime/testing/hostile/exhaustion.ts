// Using up what there is - processes, disk, connections, the channel to the proxy - and ending what should go on.
import { strict as assert } from 'node:assert';
import { connect, type Socket } from 'node:net';
import { eventually } from '../../../common/testing/eventually.ts';
import type { Section } from '../hostile-suite.ts';
import { assertRefused, type Outcome } from './tenants.ts';

/** A frame as the channel has them: length, kind, content. */
const frameSource = `
  const frame = (kind, content) => { const head = Buffer.alloc(5); head.writeUInt32LE(content.length + 1); head[4] = kind; return Buffer.concat([head, content]); };
  const send = (bytes) => { for (let at = 0; at < bytes.length;) { try { at += fs.writeSync(3, bytes, at); } catch (error) { if (error.code !== 'EAGAIN') throw error; } } };
`;

const megabyte = 1024 * 1024;

export function describeExhaustion({ tenants, another }: Section): void {
  it('bombs its container with processes, and the container comes back', async () => {
    const bomb = `
      function main() {
        spawn('/bin/sh', ['-c', 'bomb() { bomb | bomb & }; bomb'], { detached: true, stdio: 'ignore' }).on('error', () => {}).unref();
        return new Promise((resolve) => setTimeout(() => resolve({ uid: process.getuid() }), 500));
      }`;
    const { uid } = await tenants().act<{ uid: number }>('evil', 'bomber', bomb);
    assert.equal((await tenants().status()).state, 'initialised');
    await tenants().assertUnharmed();
    await tenants().clean();
    // Zombies too hold a place among the processes that a container may have.
    const count = `function main({ uid }) { return { count: fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && uidOf(name) === uid).length }; }`;
    await tenants().act('victim', 'counter', count, { uid });
    await eventually(async () => (await tenants().result<{ count: number }>({ uid })).count === 0, 'nothing is left of the bomb', 30_000);
  });

  it('fills the disk of its container, and the next tenant has room', async () => {
    const small = await another({ temporaryBytes: 16 * megabyte });
    const filler = `
      function main() {
        const chunk = Buffer.alloc(1e6, 1);
        let megabytes = 0;
        const end = attempt(() => { for (;;) { fs.appendFileSync(path.join(os.tmpdir(), 'filler'), chunk); megabytes += 1; if (megabytes > 100) return; } });
        return { end };
      }`;
    const { end } = await small.act<{ end: Outcome }>('evil', 'filler', filler);
    assert.deepEqual(end, { refused: 'ENOSPC' });
    assert.equal((await small.status()).state, 'initialised');
    await small.assertUnharmed();
  });

  for (const { title, code } of [
    { title: 'noise', code: `send(require('node:crypto').randomBytes(1000))` },
    { title: 'a frame that claims to be huge', code: `send(Buffer.from([255, 255, 255, 255, 2]))` },
    { title: 'no end of messages', code: `for (let count = 0; count < 1000; count++) send(frame(0, Buffer.from('{"type":"initialised","id":99,"artifacts":[],"loadMs":0,"evictionMs":0}')))` },
    { title: 'results larger than allowed', code: `send(frame(2, Buffer.alloc(65 * ${megabyte})))` },
    { title: 'an end of it', code: `fs.closeSync(3)` },
  ]) {
    it(`gives the channel to the proxy ${title}, and loses its slot alone`, async () => {
      const usedBytes = (await tenants().status()).memory.usedBytes;
      const initialised = await tenants().init('evil', 'flooder', `${frameSource} function main() { ${code}; return new Promise(() => {}); }`);
      assert.equal(initialised.status, 200, initialised.text);
      const reply = await tenants().call('POST', '/run', {});
      assert.deepEqual([reply.status, reply.json], [502, { error: 'The action did not produce a valid response and exited unexpectedly.' }]);
      await tenants().assertUnharmed();
      const after = (await tenants().status()).memory.usedBytes;
      assert.ok(after < usedBytes + 200e6, `${usedBytes} bytes before, ${after} after`);
    });
  }

  it('forges answers nobody waits for, and nobody takes them', async () => {
    const code = `${frameSource} function main() { for (const id of [0, 7, 4e9]) { const content = Buffer.alloc(26); content.writeUInt32LE(id); content.writeUInt16LE(200, 4); send(frame(2, content)); } return { own: true }; }`;
    const initialised = await tenants().init('evil', 'forger', code);
    assert.equal(initialised.status, 200, initialised.text);
    const reply = await tenants().call('POST', '/run', {});
    assert.ok([200, 502].includes(reply.status));
    await tenants().assertUnharmed();
  });

  it('deletes its own folder, and is cleaned all the same', async () => {
    const outcome = await tenants().act<{ parent: Outcome }>('evil', 'deleter', `function main() { for (const name of fs.readdirSync(process.env.HOME)) fs.rmSync(path.join(process.env.HOME, name), { recursive: true, force: true }); return { parent: attempt(() => fs.rmdirSync(process.env.HOME)) }; }`);
    assertRefused(outcome as unknown as Record<string, Outcome>);
    await tenants().assertUnharmed();
  });

  it('keeps files where nobody can enter, not even itself, and is cleaned all the same', async () => {
    const code = `
      function main() {
        const folders = [process.env.HOME, '/tmp', '/dev/shm'].map((place) => path.join(place, 'locked-' + process.pid));
        for (const folder of folders) {
          fs.mkdirSync(path.join(folder, 'a/b/c'), { recursive: true });
          fs.writeFileSync(path.join(folder, 'a/b/file'), 'x');
          for (const locked of ['a/b', 'a', '.']) fs.chmodSync(path.join(folder, locked), 0);
        }
        return { folders };
      }`;
    const { folders } = await tenants().act<{ folders: string[] }>('evil', 'locker', code);
    await tenants().clean();
    assert.deepEqual(await tenants().act('next', 'finder', 'function main({ folders }) { return { found: folders.filter((folder) => fs.existsSync(folder)) }; }', { folders }), { found: [] });
  });

  it('stops itself in the middle of an activation, and the container can be asked and ended', async () => {
    const stuck = await another();
    const initialised = await stuck.init('evil', 'stopper', `function main() { process.kill(process.pid, 'SIGSTOP'); return {}; }`);
    assert.equal(initialised.status, 200, initialised.text);
    const run = stuck.call('POST', '/run', {}).then(
      ({ status }) => status,
      () => undefined,
    );
    assert.equal((await stuck.status()).state, 'running');
    await stuck.container.remove();
    assert.notEqual(await run, 200);
  });

  it('holds more connections open than the proxy allows, and the driver gets through', async () => {
    const { hostname, port } = new URL(tenants().container.baseUrl);
    const sockets: Socket[] = Array.from({ length: 700 }, () => connect(Number(port), hostname));
    for (const socket of sockets) socket.on('error', () => undefined).once('connect', () => socket.write('POST /load HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n'));
    try {
      assert.equal((await tenants().status()).state, 'stem');
      await tenants().assertUnharmed();
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });
}

