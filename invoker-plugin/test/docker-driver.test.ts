import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { AppError } from '../../common/errors.ts';
import { requireEngine, testImage } from '../../runtime/testing/container-engine.ts';
import { containerLabel, DockerDriver, invokerLabel, stockDockerSettings, type DockerDriverOptions } from '../drivers/docker-driver.ts';
import type { ContainerRequest } from '../drivers/driver.ts';
import { RuntimeClient } from '../runtime-client.ts';
import { describeDriver } from '../testing/driver-conformance.ts';

const megabyte = 1024 * 1024;
/** Tells the containers of this run from those of others on the same engine. */
const uniqueName = `test${process.pid}x`;

const driverOf = (options: Partial<DockerDriverOptions> = {}): DockerDriver =>
  new DockerDriver({ ...stockDockerSettings, image: testImage, uniqueName, invoker: 0, poolMemoryBytes: 2048 * megabyte, ...options });
const requestOf = (request: Partial<ContainerRequest> = {}): ContainerRequest => ({ containerId: 'c1', memoryLimitBytes: 512 * megabyte, environment: {}, ...request });

function isStartError(pattern: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'CONTAINER_START');
    assert.match(`${error.message} ${error.fix}`, pattern);
    return true;
  };
}

describe('the Docker driver on a real engine', function () {
  this.timeout(60_000);
  let engine: Docker;
  const drivers: DockerDriver[] = [];

  before(async function () {
    engine = await requireEngine(this);
  });
  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.close()));
  });

  const started = async (options?: Partial<DockerDriverOptions>): Promise<DockerDriver> => {
    const driver = driverOf(options);
    drivers.push(driver);
    await driver.start();
    return driver;
  };
  const inspect = async (name: string): Promise<Docker.ContainerInspectInfo> => engine.getContainer(name).inspect();
  const exists = (name: string): Promise<boolean> =>
    inspect(name).then(
      () => true,
      () => false,
    );
  /** A container that the driver did not start. */
  const strange = async (name: string, labels: Record<string, string> = {}): Promise<void> => {
    const container = await engine.createContainer({ name, Image: testImage, Labels: labels });
    await container.start();
  };

  describeDriver({
    name: 'it',
    create: (invoker) => driverOf({ invoker }),
    kill: async ({ containerId }) => {
      const [listed] = await engine.listContainers({ filters: { label: [`${containerLabel}=${containerId}`] } });
      await engine.getContainer(listed?.Id ?? '').kill();
    },
    enforcesLimits: true,
  });

  it('starts containers as a stock invoker does', async () => {
    const driver = await started();
    await driver.create(requestOf());
    const { Name, Config, HostConfig } = await inspect(`wsk${uniqueName}0_1_prewarm_nodejsinstainfer`);
    assert.equal(Name, `/wsk${uniqueName}0_1_prewarm_nodejsinstainfer`);
    assert.equal(Config.Labels[invokerLabel], `${uniqueName}/0`);
    assert.equal(HostConfig.Memory, 512 * megabyte);
    assert.equal(HostConfig.MemorySwap, 512 * megabyte);
    assert.equal(HostConfig.CpuShares, 256);
    assert.equal(HostConfig.PidsLimit, 1024);
    assert.deepEqual([...(HostConfig.CapDrop ?? [])].sort(), ['NET_ADMIN', 'NET_RAW']);
    assert.deepEqual(HostConfig.Ulimits, [{ Name: 'nofile', Soft: 1024, Hard: 1024 }]);
    assert.equal(HostConfig.NetworkMode, 'bridge');
    assert.equal(HostConfig.LogConfig?.Type, 'json-file');
  });

  it('adds the environment and settings that a deployment has for all containers', async () => {
    const driver = await started({ environment: { __OW_API_HOST: 'http://api' }, hostConfig: { Dns: ['192.0.2.1'] } });
    await driver.create(requestOf({ environment: { OWN: 'value' } }));
    const { Config, HostConfig } = await inspect(`wsk${uniqueName}0_1_prewarm_nodejsinstainfer`);
    assert.deepEqual(HostConfig.Dns, ['192.0.2.1']);
    for (const variable of ['__OW_API_HOST=http://api', 'OWN=value']) assert.ok(Config.Env.includes(variable), variable);
  });

  it('says when each line was written, as the engine has it', async () => {
    const driver = await started();
    const container = await driver.create(requestOf());
    const heard = new Promise<string | undefined>((resolve) => {
      container.onLog((_stream, line, time) => {
        if (line === 'marked') resolve(time);
      });
    });
    const client = new RuntimeClient(container.baseUrl, () => performance.now());
    await client.init({ main: 'main', code: 'console.log("marked"); function main() {}', binary: false }, { timeoutMs: 10_000, maxResponseBytes: 1000 });
    client.close();
    const time = await heard;
    assert.match(time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    assert.ok(Math.abs(Date.parse(time ?? '') - Date.now()) < 60_000);
  });

  it('shows containers the model store, and lets them write nothing there', async () => {
    const store = mkdtempSync(path.join(tmpdir(), 'docker-driver-store-'));
    try {
      writeFileSync(path.join(store, 'file'), 'content');
      const driver = await started({ modelStore: store });
      await driver.create(requestOf());
      const { Config, Mounts } = await inspect(`wsk${uniqueName}0_1_prewarm_nodejsinstainfer`);
      assert.deepEqual(
        Mounts.map(({ Source, Destination, RW }) => ({ Source, Destination, RW })),
        [{ Source: store, Destination: '/model-store', RW: false }],
      );
      assert.ok(Config.Env.includes('INSTAINFER_MODEL_STORE=/model-store'));
    } finally {
      rmSync(store, { recursive: true });
    }
  });

  it('removes, when it starts, what an earlier run of the same invoker left, and nothing else', async () => {
    const names = { orphan: `wsk${uniqueName}0_9_prewarm_nodejsinstainfer`, other: `wsk${uniqueName}01_9_prewarm_nodejsinstainfer`, like: `x_wsk${uniqueName}0_9_x`, labelled: `wsk${uniqueName}0_8_guest_hello` };
    await Promise.all([strange(names.orphan, { [invokerLabel]: `${uniqueName}/0` }), strange(names.other), strange(names.like), strange(names.labelled, { [invokerLabel]: 'other/0' })]);
    try {
      await started();
      assert.deepEqual(await Promise.all([exists(names.orphan), exists(names.other), exists(names.like), exists(names.labelled)]), [false, true, true, true]);
    } finally {
      for (const name of Object.values(names)) await engine.getContainer(name).remove({ force: true }).catch(() => undefined);
    }
  });

  it('says that a container ended because it had no memory left', async () => {
    const driver = await started();
    const container = await driver.create(requestOf({ memoryLimitBytes: 96 * megabyte, environment: { INSTAINFER_BLANK_SLOTS: '0' } }));
    // The proxy itself is what holds these bodies.
    const body = JSON.stringify({ value: { main: 'main', code: 'x'.repeat(45 * megabyte) } });
    const requests = [1, 2, 3].map(() => fetch(`${container.baseUrl}/init`, { method: 'POST', body }).catch(() => undefined));
    const end = await container.ended;
    await Promise.all(requests);
    assert.equal(end.memoryExhausted, true);
    assert.match(end.reason, /out of memory/);
  });

  it('says why a container ended before it listened, in its own words, and leaves nothing of it', async () => {
    const driver = await started({ environment: { PORT: 'none' } });
    await assert.rejects(driver.create(requestOf()), isStartError(/exit code 1.*PORT=none/s));
    assert.equal(await exists(`wsk${uniqueName}0_1_prewarm_nodejsinstainfer`), false);
  });

  it('gives up on a container that never listens where it should, and leaves nothing of it', async () => {
    const driver = await started({ environment: { PORT: '9999' }, startTimeoutMs: 1500 });
    await assert.rejects(driver.create(requestOf()), isStartError(/nothing listened on port 8080 for 1500 ms/));
    assert.equal(await exists(`wsk${uniqueName}0_1_prewarm_nodejsinstainfer`), false);
  });

  it('says how to build an image that is missing', async () => {
    await assert.rejects(driverOf({ image: 'instainfer/no-such:image' }).start(), isStartError(/no image instainfer\/no-such:image.*npm run image/));
    await assert.rejects(driverOf({ image: 'instainfer/no-such:image' }).create(requestOf()), isStartError(/no image instainfer\/no-such:image.*npm run image/));
  });
});

describe('the Docker driver without an engine', () => {
  it('says that none answers, and how to start one', async () => {
    const driver = driverOf({ engine: new Docker({ socketPath: '/nonexistent/docker.sock' }) });
    await assert.rejects(driver.start(), isStartError(/No container engine answers.*scripts\/engine up/));
  });
});
