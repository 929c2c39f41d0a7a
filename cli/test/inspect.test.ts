// `status`, `explain` and `completion` as processes, against a running server and a journal.
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import openwhisk from 'openwhisk';
import { guestKey } from '../../standalone/namespaces.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { StandaloneProcess } from '../../standalone/testing/standalone-process.ts';

const program = path.resolve(import.meta.dirname, '../main.js');

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function instainfer(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env: { PATH: process.env['PATH'] } }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

describe('what the command line tells of a running system', function () {
  this.timeout(60_000);
  let folder: string;
  let server: StandaloneProcess;
  let activationId: string;
  let journal: string;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'inspect-'));
    journal = path.join(folder, 'journal.jsonl');
    server = await StandaloneProcess.start(path.join(folder, 'data'), ['--journal', journal]);
    const client = openwhisk({ apihost: server.address, api_key: guestKey });
    await client.actions.create({ name: 'hello', action: 'function main() { return { ok: true }; }' });
    ({ activationId } = await client.actions.invoke({ name: 'hello', blocking: true }));
  });
  after(async () => {
    await server.end('SIGTERM');
    await rm(folder, { recursive: true });
  });

  it('status shows the containers and whose they are, as text and as JSON', async () => {
    const { code, stdout } = await instainfer('status', '--apihost', server.address);
    assert.equal(code, 0);
    assert.match(stdout, /1 actions; .* given to containers/);
    assert.match(stdout, /of hello|runs hello/);
    const json = JSON.parse((await instainfer('status', '--apihost', server.address, '--json')).stdout) as { containers: unknown[]; actions: { qualifiedName: string }[] };
    assert.deepEqual(json.actions.map(({ qualifiedName }) => qualifiedName), ['guest/hello']);
    assert.ok(json.containers.length >= 1);
  });

  it('status shows what actions ask for, and what is pinned', async () => {
    const client = openwhisk({ apihost: server.address, api_key: guestKey });
    await client.actions.create({ name: 'kept', action: 'function main() {}', annotations: { preload: { libraries: ['zod'] }, 'preload-pin': 1, 'preload-priority': 2 } });
    await client.actions.create({ name: 'brief', action: 'function main() {}', annotations: { preload: { libraries: ['zod'] }, 'preload-idle-seconds': 0 } });
    await eventually(async () => /kept \(\d+ MB, pinned\)/.test((await instainfer('status', '--apihost', server.address)).stdout), 'it is pinned', 30_000);
    const { stdout } = await instainfer('status', '--apihost', server.address);
    assert.match(stdout, /^guest\/kept: pinned in 1 of 1 containers; priority 2$/m);
    assert.match(stdout, /^guest\/brief: never loaded ahead$/m);
    for (const name of ['kept', 'brief']) await client.actions.delete({ name });
  });

  it('status says what to do where no server answers, and where the key is wrong', async () => {
    const absent = await instainfer('status', '--apihost', 'http://127.0.0.1:1');
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /^No server answers at http:\/\/127\.0\.0\.1:1.*instainfer standalone.*\[SERVER_UNAVAILABLE\]\n$/);
    const refused = await instainfer('status', '--apihost', server.address, '--auth', 'a:b');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /The supplied authentication is invalid.*\[SERVER_REFUSED\]/);
  });

  for (const source of ['server', 'journal'] as const) {
    it(`explain says how an activation started, from a ${source}`, async () => {
      const from = source === 'server' ? ['--apihost', server.address] : ['--journal', journal];
      const { code, stdout, stderr } = await instainfer('explain', '--activation', activationId, ...from);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`^${activationId} called hello`));
      assert.match(stdout, /: started (?:cold|prewarmed), /);
      assert.match(stdout, /answered: init .* run/);
      assert.equal((await instainfer('explain', ...from)).stdout, stdout, 'it is the last one too');
      const json = JSON.parse((await instainfer('explain', ...from, '--json')).stdout) as { activationId: string };
      assert.equal(json.activationId, activationId);
    });
  }

  it('explain says that it knows nothing of an activation', async () => {
    const { code, stderr } = await instainfer('explain', '--activation', 'f'.repeat(32), '--apihost', server.address);
    assert.equal(code, 1);
    assert.match(stderr, /The requested resource does not exist/);
  });

  it('completion completes commands, and the options of a command', async () => {
    const { stdout: script } = await instainfer('completion', 'bash');
    const complete = (words: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const line = `instainfer() { "${process.execPath}" "${program}" "$@"; }\n${script}\nCOMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _instainfer; echo "\${COMPREPLY[*]}"`;
        execFile('bash', ['-c', line], (error, stdout) => {
          if (error === null) resolve(stdout.trim());
          else reject(error as Error);
        });
      });
    assert.equal(await complete('instainfer stand'), 'standalone');
    assert.equal(await complete('instainfer standalone --keep-c'), '--keep-count');
    assert.equal((await instainfer('completion', 'tcsh')).code, 2);
  });
});
