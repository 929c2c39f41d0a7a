// Hostile actions against the runtime image in containers of a real engine, with the limits and capabilities a stock
// invoker gives them.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import { DockerRuntime, requireEngine, testImage } from '../testing/container-engine.ts';
import { describeHostileActions } from '../testing/hostile-suite.ts';
import type { HostileFactory } from '../testing/hostile/tenants.ts';
import { writeTinyStore } from '../testing/tiny-store.ts';

const storePath = '/models';

describe(`the image ${testImage} and hostile actions`, () => {
  let docker: Docker;
  let storeDir: string;

  before(async function () {
    docker = await requireEngine(this);
    storeDir = mkdtempSync(path.join(os.tmpdir(), 'hostile-store-'));
    chmodSync(storeDir, 0o755);
    writeTinyStore(storeDir, { models: ['one', 'two', 'three'] });
  });
  after(() => {
    // Unset where the suite was skipped.
    if (storeDir !== undefined) rmSync(storeDir, { recursive: true, force: true });
  });

  const create: HostileFactory = async ({ environment, temporaryBytes }) => {
    const runtime = await DockerRuntime.start(
      docker,
      { ...environment, INSTAINFER_MODEL_STORE: storePath },
      { folders: { [storePath]: storeDir }, ...(temporaryBytes === undefined ? {} : { temporaryBytes }) },
    );
    return { baseUrl: runtime.baseUrl, ownUrl: 'http://127.0.0.1:8080', neighbourUrl: runtime.baseUrl, remove: () => runtime.remove() };
  };
  describeHostileActions(create);
});
