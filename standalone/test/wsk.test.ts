// OpenWhisk's own command line, unchanged, through a scenario: what a person does with it, and the exit codes a script sees.
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zipOf } from '../../invoker-plugin/testing/zip-of.ts';
import { guestKey } from '../namespaces.ts';
import { ServedSystem } from '../testing/served-system.ts';

/** What `scripts/wsk` builds, or another one. */
const wskProgram = process.env['INSTAINFER_TEST_WSK'] ?? path.resolve(import.meta.dirname, '../../../.cache/wsk/wsk');
/** wsk's exit code for an HTTP status. */
const exitCodeOf = (status: number): number => (status - 256 + 512) % 256;

interface Ran {
  readonly code: number;
  readonly output: string;
}

describe('wsk against a standalone server', function () {
  this.timeout(60_000);
  let served: ServedSystem;
  let folder: string;

  before(async function () {
    if (!existsSync(wskProgram)) {
      process.stdout.write(`    skipped: there is no wsk at ${wskProgram}; scripts/wsk builds it where the Go module proxy has it, INSTAINFER_TEST_WSK names another\n`);
      this.skip();
    }
    served = await ServedSystem.start();
    folder = await mkdtemp(path.join(tmpdir(), 'wsk-'));
    await writeFile(path.join(folder, 'hello.js'), 'function main(p) { console.log("greeting", p.name); return { greeting: `Hello, ${p.name || "stranger"}!` }; }\n');
    await writeFile(path.join(folder, 'fails.js'), 'function main() { return { error: "it does not work" }; }\n');
    await writeFile(path.join(folder, 'slow.js'), 'function main() { return new Promise((resolve) => setTimeout(resolve, 800)); }\n');
    await writeFile(path.join(folder, 'zipped.zip'), await zipOf({ 'package.json': '{"main":"index.js"}', 'index.js': 'exports.main = (p) => ({ zipped: p });' }));
  });
  after(async () => {
    if (folder === undefined) return;
    await served.stop();
    await rm(folder, { recursive: true });
  });

  const wsk = (...args: string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const env = { PATH: process.env['PATH'], HOME: folder, WSK_CONFIG_FILE: path.join(folder, '.wskprops'), LANG: 'en_US.UTF-8' };
      execFile(wskProgram, args, { cwd: folder, env }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr });
      });
    });
  const works = async (pattern: RegExp, ...args: string[]): Promise<string> => {
    const { code, output } = await wsk(...args);
    assert.equal(code, 0, `wsk ${args.join(' ')}: ${output}`);
    assert.match(output, pattern);
    return output;
  };

  it('is set up with the address and the guest key, and sees the namespace', async () => {
    await works(/ok: whisk auth set/, 'property', 'set', '--apihost', served.address, '--auth', guestKey);
    await works(/guest/, 'namespace', 'list');
    await works(/whisk API build\s+instainfer-standalone/, 'property', 'get');
  });

  it('creates an action out of a file, calls it and updates it', async () => {
    await works(/ok: created action hello/, 'action', 'create', 'hello', 'hello.js');
    await works(/"greeting": "Hello, Ann!"/, 'action', 'invoke', 'hello', '--result', '--param', 'name', 'Ann');
    await works(/ok: updated action hello/, 'action', 'update', 'hello', 'hello.js', '--param', 'name', 'Bob', '-a', 'note', 'x', '--timeout', '5000', '--memory', '128', '--logsize', '1');
    await works(/"greeting": "Hello, Bob!"/, 'action', 'invoke', 'hello', '-r');
    const shown = await works(/ok: got action hello/, 'action', 'get', 'hello');
    assert.match(shown, /"version": "0.0.2"/);
    assert.match(shown, /"timeout": 5000/);
    await works(/hello\s+private nodejs:instainfer/, 'action', 'list');
  });

  it('creates an action of the kind nodejs:instainfer out of a zip', async () => {
    await works(/ok: created action zipped/, 'action', 'create', 'zipped', '--kind', 'nodejs:instainfer', 'zipped.zip', '-a', 'preload', '{"models":[],"libraries":[]}');
    await works(/"zipped": \{\s+"a": 1\s+\}/, 'action', 'invoke', 'zipped', '--result', '-p', 'a', '1');
    await works(/ok: saved action code to/, 'action', 'get', 'zipped', '--save-as', 'saved.zip');
  });

  it('creates web actions, and tells the address at which anybody may call them', async () => {
    await writeFile(path.join(folder, 'web.js'), 'function main(p) { return { statusCode: 201, headers: { "x-page": "yes" }, body: `<b>${p.name}</b>` }; }\n');
    await works(/ok: created action page/, 'action', 'create', 'page', 'web.js', '--web', 'true');
    const shown = await works(/ok: got action page/, 'action', 'get', 'page', '--url');
    const address = /http:\S+/.exec(shown)?.[0] ?? '';
    const answer = await fetch(`${address}.http?name=Ann`);
    assert.deepEqual([answer.status, answer.headers.get('x-page'), await answer.text()], [201, 'yes', '<b>Ann</b>']);
    await works(/ok: created action secret/, 'action', 'create', 'secret', 'web.js', '--web', 'true', '--web-secure', 's3cret');
    const secret = `${address.slice(0, -'page'.length)}secret.http`;
    assert.equal((await fetch(secret)).status, 401);
    assert.equal((await fetch(secret, { headers: { 'x-require-whisk-auth': 's3cret' } })).status, 201);
    await works(/ok: deleted action page/, 'action', 'delete', 'page');
    await works(/ok: deleted action secret/, 'action', 'delete', 'secret');
  });

  it('takes parameters and annotations out of files, copies actions, and shows single fields', async () => {
    await writeFile(path.join(folder, 'parameters.json'), '{ "name": "File", "deep": { "list": [1, 2] } }');
    await writeFile(path.join(folder, 'annotations.json'), '{ "note": "kept" }');
    await works(/ok: created action bound/, 'action', 'create', 'bound', 'hello.js', '--param-file', 'parameters.json', '--annotation-file', 'annotations.json');
    await works(/"key": "note",\s+"value": "kept"/, 'action', 'get', 'bound', 'annotations');
    await works(/Hello, File!/, 'action', 'invoke', 'bound', '--result');
    await works(/ok: created action copied/, 'action', 'create', 'copied', '--copy', 'bound');
    await works(/Hello, File!/, 'action', 'invoke', 'copied', '--result');
    await works(/Hello, Else!/, 'action', 'invoke', 'copied', '--result', '-p', 'name', 'Else');
    assert.doesNotMatch(await works(/ok: updated action bound/, 'action', 'update', 'bound', 'hello.js', '--del-annotation', 'note'), /error/);
    assert.doesNotMatch(await works(/ok: got action bound/, 'action', 'get', 'bound', 'annotations'), /kept/);
    const sorted = await works(/bound[\s\S]*copied/, 'action', 'list', '--name-sort', '--limit', '2');
    assert.doesNotMatch(sorted, /hello/);
    await works(/"activationId"/, 'activation', 'list', '--full', '--limit', '1');
    assert.doesNotMatch(await works(/^/, 'activation', 'list', '--since', '1', '--upto', '2'), /[0-9a-f]{32}/);
    for (const name of ['bound', 'copied']) await works(/ok: deleted action/, 'action', 'delete', name);
  });

  it('invokes without waiting, and reads the activation, its logs and its result', async () => {
    const output = await works(/ok: invoked \/_\/hello with id [0-9a-f]{32}/, 'action', 'invoke', 'hello', '-p', 'name', 'Zoe');
    const id = /[0-9a-f]{32}/.exec(output)?.[0] ?? '';
    await served.recordOf(id);
    await works(/"status": "success"/, 'activation', 'get', id);
    await works(/stdout: greeting Zoe/, 'activation', 'logs', id);
    await works(/"greeting": "Hello, Zoe!"/, 'activation', 'result', id);
    await works(new RegExp(`${id} nodejs:instainfer (?:warm|cold)\\s.*success`), 'activation', 'list', 'hello', '--limit', '1');
    await works(/Hello, Zoe!/, 'activation', 'result', '--last');
    await works(/greeting Zoe/, 'activation', 'poll', '--since-hours', '1', '--exit', '1');
  });

  it('ends with the code that stands for what went wrong', async () => {
    const expectCode = async (status: number, pattern: RegExp, ...args: string[]): Promise<void> => {
      const { code, output } = await wsk(...args);
      assert.equal(code, exitCodeOf(status), output);
      assert.match(output, pattern);
    };
    await expectCode(409, /resource already exists/, 'action', 'create', 'hello', 'hello.js');
    await expectCode(404, /The requested resource does not exist/, 'action', 'get', 'missing');
    await expectCode(401, /The supplied authentication is invalid/, 'action', 'list', '--auth', `${guestKey.slice(0, -1)}x`);
    await works(/ok: created action fails/, 'action', 'create', 'fails', 'fails.js');
    await expectCode(502, /it does not work/, 'action', 'invoke', 'fails', '--result');
    await expectCode(501, /Triggers are not supported here/, 'trigger', 'create', 't');
    await expectCode(501, /Rules are not supported here/, 'rule', 'create', 'r', 't', 'hello');
    await expectCode(501, /Sequences are not supported here/, 'action', 'create', 'both', '--sequence', 'hello,fails');
    await expectCode(501, /Actions of images of their own are not supported here/, 'action', 'create', 'own', '--docker', 'some/image', 'hello.js');
    await expectCode(400, /not in Set\(nodejs:instainfer/, 'action', 'create', 'other', '--kind', 'python:3', 'hello.js');
    await expectCode(400, /memory size 999999 MB exceeds/, 'action', 'create', 'large', 'hello.js', '--memory', '999999');
    await expectCode(400, /Activation id length is 8 but must be 32/, 'activation', 'get', 'deadbeef');
  });

  it('creates packages, with actions in them, and lists and deletes all', async () => {
    await works(/ok: created package tools/, 'package', 'create', 'tools', '--param', 'name', 'Pack');
    await works(/ok: created action tools\/hello/, 'action', 'create', 'tools/hello', 'hello.js');
    await works(/Hello, Pack!/, 'action', 'invoke', 'tools/hello', '--result');
    await works(/hello/, 'action', 'list', 'tools');
    await works(/tools/, 'package', 'list');
    await works(/"name": "hello"/, 'package', 'get', 'tools');
    await works(/tools\/hello[\s\S]*rules/, 'list');
    await works(/ok: deleted action tools\/hello/, 'action', 'delete', 'tools/hello');
    await works(/ok: deleted package tools/, 'package', 'delete', 'tools');
    await works(/ok: deleted action hello/, 'action', 'delete', 'hello');
  });
});
