// Follows docs/getting-started.md to the letter: every command of it, in order, against the server that it starts. What is
// changed is where things go: not into the project's own folders, and not to a port that somebody else may have.
import { strict as assert } from 'node:assert';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../common/free-port.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { isAlive } from '../../runtime/testing/driven-runtime.ts';
import { callApi } from '../../standalone/testing/api-call.ts';
import type { SystemStatus } from '../../standalone/inspection/views.ts';

const project = path.resolve(import.meta.dirname, '../../..');

/** The commands of a document: its indented lines, without those that show what is printed. */
function commandsOf(document: string): string[] {
  return readFileSync(path.join(project, 'docs', document), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('    '))
    .map((line) => line.trim())
    .filter((line) => !line.startsWith('Server-Timing:'));
}

describe('docs/getting-started.md', function () {
  this.timeout(180_000);
  let folder: string;
  let address: string;
  let port: number;
  let server: ChildProcess | undefined;
  const exported: Record<string, string> = {};

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'getting-started-'));
    // Containers read the store as users of their own.
    await chmod(folder, 0o755);
    port = await freePort();
    address = `localhost:${port}`;
  });
  after(async () => {
    if (server !== undefined && server.exitCode === null) {
      const ended = once(server, 'exit');
      process.kill(-Number(server.pid), 'SIGTERM');
      await ended;
      // npm ends before the server that it has started, which still writes.
      await eventually(() => !isAlive(-Number(server?.pid)), 'all of it has ended', 30_000);
    }
    await rm(folder, { recursive: true, force: true });
  });

  const moved = (command: string): string =>
    command
      .replaceAll('localhost:3233', address)
      .replaceAll('$PWD/.cache', folder)
      .replaceAll('.cache/', `${folder}/`)
      .replaceAll('my-actions', `${folder}/my-actions`)
      .replaceAll('model.onnx', `${folder}/model.onnx`);
  const environment = (): NodeJS.ProcessEnv => ({ ...process.env, HOME: folder, INSTAINFER_CONFIG: '', INSTAINFER_PORT: String(port), INSTAINFER_API_HOST: `http://${address}`, ...exported });
  const run = (command: string): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile('/bin/bash', ['-c', moved(command)], { cwd: project, env: environment() }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${moved(command)}\n${stdout}${stderr}`));
      });
    });
  const status = async (): Promise<SystemStatus> => (await callApi(`http://${address}/instainfer/v1/status`)).body as SystemStatus;

  it('leads from a clone to an own model that answers preloaded, command by command', async () => {
    const printed: string[] = [];
    for (const command of commandsOf('getting-started.md')) {
      // Done: this test is here. Again, it would take the packages away from under the other tests.
      if (command === 'npm ci') continue;
      const variable = /^export (\w+)=(.*)$/.exec(command);
      if (variable !== null) {
        exported[variable[1] ?? ''] = moved(variable[2] ?? '');
      } else if (command === 'npm run instainfer -- standalone') {
        server = spawn('/bin/bash', ['-c', command], { cwd: project, env: environment(), stdio: ['ignore', 'pipe', 'inherit'], detached: true });
        let said = '';
        server.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
        await eventually(() => said.includes('ready'), 'the server', 60_000);
        assert.match(said, new RegExp(`console: http://${address}/`));
      } else {
        if (command.startsWith('curl') && printed.every((text) => !text.includes('server-timing'))) {
          // What the reader sees on the page meanwhile.
          await eventually(async () => (await status()).containers.some(({ residents }) => residents.some(({ action }) => action.startsWith('guest/own-model@'))), 'the model is resident', 60_000);
        }
        printed.push((await run(command)).toLowerCase());
      }
    }
    const answers = printed.filter((text) => text.includes('outputs') || text.includes('error'));
    assert.match(answers[0] ?? '', /server-timing: start;desc="preloaded", wait;dur=\d+, init;dur=\d+, run;dur=\d+/);
    assert.match(answers[0] ?? '', /"outputs":\{"logits":\{"dims":\[1,\d+\],"values":\[/);
    // The sample has no input of that name, and says which it has.
    assert.match(answers[1] ?? '', /the model has no input \\"x\\"; it has/);
    assert.match(printed.at(-1) ?? '', /warm/);
  });
});
