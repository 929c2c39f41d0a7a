// Hostile actions against the runtime as a process that is root: what each slot's own user keeps apart.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '../../common/testing/eventually.ts';
import { describeHostileActions } from '../testing/hostile-suite.ts';
import type { HostileFactory } from '../testing/hostile/tenants.ts';
import { processesOf } from '../slots/processes.ts';
import { RuntimeProcess } from '../testing/runtime-process.ts';
import { writeTinyStore } from '../testing/tiny-store.ts';

/** A folder that slots, who are users of their own, can reach. */
function openFolder(prefix: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), prefix));
  chmodSync(folder, 0o755);
  return folder;
}

const create: HostileFactory = async ({ environment, temporaryBytes }) => {
  const storeDir = openFolder('hostile-store-');
  writeTinyStore(storeDir, { models: ['one', 'two', 'three'] });
  const temporaryDir = temporaryBytes === undefined ? undefined : openFolder('hostile-tmp-');
  if (temporaryDir !== undefined) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${temporaryBytes},mode=1777`, 'tmpfs', temporaryDir]);
  const runtime = await RuntimeProcess.start({ ...environment, INSTAINFER_MODEL_STORE: storeDir, ...(temporaryDir === undefined ? {} : { TMPDIR: temporaryDir }) });
  return {
    baseUrl: runtime.baseUrl,
    ownUrl: runtime.baseUrl,
    neighbourUrl: runtime.baseUrl,
    remove: async () => {
      await runtime.stop();
      if (temporaryDir !== undefined) execFileSync('umount', ['-l', temporaryDir]);
      for (const folder of [storeDir, temporaryDir]) if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
};

describe('the runtime as a process of root', () => {
  before(function () {
    if (process.platform === 'linux' && process.geteuid?.() === 0) return;
    process.stdout.write('    skipped: only root on Linux can give slots user ids of their own\n');
    this.skip();
  });
  describeHostileActions(create);
});

describe('a proxy of root that is killed', () => {
  before(function () {
    if (process.platform === 'linux' && process.geteuid?.() === 0) return;
    process.stdout.write('    skipped: only root on Linux can give slots user ids of their own\n');
    this.skip();
  });

  it('leaves no process and no file of its slots behind, not even of those that have left their group', async () => {
    const tmpDir = openFolder('killed-proxy-');
    const runtime = await RuntimeProcess.start({ INSTAINFER_SLOT_USERS: 'own', TMPDIR: tmpDir });
    const code = `
      const { execFileSync } = require('node:child_process');
      execFileSync('/bin/sh', ['-c', '(setsid sh -c "trap \\\\"\\\\" TERM; sleep 1000" >/dev/null 2>&1 &)'], { stdio: 'ignore' });
      require('node:fs').writeFileSync('/tmp/left-by-' + process.getuid(), 'x');
      function main() { return { uid: process.getuid() }; }`;
    await runtime.call('POST', '/init', { value: { main: 'main', code } });
    const { uid } = (await runtime.call('POST', '/run', {})).json as { uid: number };
    const left = `/tmp/left-by-${uid}`;
    await eventually(() => processesOf(new Set([uid])).length >= 3, 'the slot, the shell and what it waits for are there');
    assert.ok(existsSync(left));
    runtime.child.kill('SIGKILL');
    await eventually(() => processesOf(new Set([uid])).length === 0, 'its processes are gone');
    await eventually(() => !existsSync(left) && readdirSync(tmpDir).length === 0, 'its files are gone');
    rmSync(tmpDir, { recursive: true });
  });
});
