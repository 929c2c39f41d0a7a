// The same server with Docker containers of the runtime image: what is a process elsewhere is a container here.
import { strict as assert } from 'node:assert';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import { eventually } from '../../common/testing/eventually.ts';
import { requireEngine, testImage } from '../../runtime/testing/container-engine.ts';
import { inferenceCode } from '../../runtime/testing/driven-runtime.ts';
import { writeTinyStore } from '../../runtime/testing/tiny-store.ts';
import type { SystemStatus } from '../inspection/views.ts';
import { callApi, type Answer } from '../testing/api-call.ts';
import { StandaloneProcess } from '../testing/standalone-process.ts';

describe(`a standalone server with containers of the image ${testImage}`, function () {
  this.timeout(120_000);
  let docker: Docker;
  let folder: string;
  let storeDir: string;
  let running: StandaloneProcess | undefined;

  before(async function () {
    docker = await requireEngine(this);
    folder = mkdtempSync(path.join(tmpdir(), 'over-docker-'));
    storeDir = mkdtempSync(path.join(tmpdir(), 'over-docker-store-'));
    chmodSync(storeDir, 0o755);
    writeTinyStore(storeDir, { models: ['one'] });
  });
  after(async () => {
    await running?.end('SIGKILL');
    for (const one of [folder, storeDir]) if (one !== undefined) rmSync(one, { recursive: true });
  });

  const ask = (route: string, method = 'GET', body?: unknown): Promise<Answer> => callApi(`${running?.address}${route}`, { method, body });
  const status = async (): Promise<SystemStatus> => (await ask('/instainfer/v1/status')).body as SystemStatus;

  it('loads a model of the shared store into a container, runs an action with it there, and leaves no container behind', async () => {
    const own = async (): Promise<string[]> => (await docker.listContainers({ all: true, filters: { ancestor: [testImage] } })).map(({ Id: id }) => id);
    const others = new Set(await own());
    running = await StandaloneProcess.start(folder, ['--containers', 'docker', '--image', testImage, '--model-store', storeDir, '--user-memory', '512m', '--action-memory', '256m']);
    const created = await ask('/api/v1/namespaces/_/actions/inferring', 'PUT', { exec: { kind: 'nodejs:instainfer', code: inferenceCode('one') }, annotations: [{ key: 'preload', value: { models: [{ name: 'one', store: 'one' }] } }] });
    assert.equal(created.status, 200, JSON.stringify(created.body));
    const isResident = async (): Promise<boolean> => (await status()).containers.some(({ residents }) => residents.length > 0);
    await eventually(async () => {
      // Whether the scheduler finds so small a model worth it depends on how long the machine takes to load it.
      if (await isResident()) return true;
      await ask('/instainfer/v1/load', 'POST', { action: 'guest/inferring' });
      return isResident();
    }, 'the model is resident', 60_000);
    const called = await ask('/api/v1/namespaces/_/actions/inferring?blocking=true&result=true', 'POST', {});
    assert.equal((called.body as { y: number }).y, 2);
    assert.match(called.headers.get('server-timing') ?? '', /^start;desc="preloaded"/);
    assert.ok((await own()).some((id) => !others.has(id)));
    assert.equal(await running.end('SIGTERM'), 0);
    assert.deepEqual((await own()).filter((id) => !others.has(id)), []);
  });
});
