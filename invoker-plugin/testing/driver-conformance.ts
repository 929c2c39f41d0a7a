// What every container driver has to do, as a suite that takes a factory. It runs the real runtime in real containers.
import { strict as assert } from 'node:assert';
import { RuntimeClient, type NoReply, type RuntimeReply } from '../runtime-client.ts';
import type { Container, ContainerDriver } from '../drivers/driver.ts';

const limits = { timeoutMs: 20_000, maxResponseBytes: 1024 * 1024 };
const memoryLimitBytes = 512 * 1024 * 1024;

export interface DriverUnderTest {
  readonly name: string;
  /** A driver of the invoker of this number; two of different numbers share nothing. */
  readonly create: (invoker: number) => ContainerDriver;
  /** Kills a container of the driver without asking the driver. */
  readonly kill: (container: Container) => Promise<void>;
  /** Whether the kernel keeps the limits of memory and processes; a runtime process only promises to. */
  readonly enforcesLimits: boolean;
}

function statusOf(reply: RuntimeReply | NoReply): number {
  assert.ok('status' in reply, 'failure' in reply ? reply.message : '');
  return reply.status;
}

/** Registers the suite. */
export function describeDriver({ name, create: createDriver, kill, enforcesLimits }: DriverUnderTest): void {
  describe(`${name} as a container driver`, function () {
    this.timeout(60_000);
    let driver: ContainerDriver;
    let count = 0;
    const clients: RuntimeClient[] = [];

    before(async () => {
      driver = createDriver(1);
      await driver.start();
    });
    after(async () => {
      for (const client of clients) client.close();
      await driver.close();
    });

    const clientOf = (container: Container): RuntimeClient => {
      const client = new RuntimeClient(container.baseUrl, () => performance.now());
      clients.push(client);
      return client;
    };
    const createFrom = async (from: ContainerDriver, environment: Record<string, string> = {}): Promise<{ container: Container; client: RuntimeClient }> => {
      count += 1;
      const container = await from.create({ containerId: `conformance-${process.pid}-${count}`, memoryLimitBytes, environment });
      return { container, client: clientOf(container) };
    };
    const create = (environment?: Record<string, string>): Promise<{ container: Container; client: RuntimeClient }> => createFrom(driver, environment);
    const initialise = async (client: RuntimeClient, code: string): Promise<void> => {
      assert.equal(statusOf(await client.init({ main: 'main', code, binary: false }, limits)), 200);
    };
    const assertServes = async (client: RuntimeClient): Promise<void> => {
      const status = await client.status(5000);
      assert.ok(status.ok);
    };

    it('gives a container that serves /init and /run', async () => {
      const { client, container } = await create();
      await initialise(client, 'function main(args) { return { hello: args.name } }');
      const reply = await client.run({ value: { name: 'world' } }, limits);
      assert.equal('body' in reply && reply.body, '{"hello":"world"}');
      await container.remove();
    });

    it('tells the container its memory limit', async () => {
      const { client, container } = await create();
      const status = await client.status(5000);
      assert.ok(status.ok);
      assert.equal(status.reply.memory.limitBytes, memoryLimitBytes);
      await container.remove();
    });

    it('passes the environment on', async () => {
      const { client, container } = await create({ __OW_API_HOST: 'https://api.example' });
      await initialise(client, 'function main() { return { host: process.env.__OW_API_HOST } }');
      const reply = await client.run({ value: {} }, limits);
      assert.equal('body' in reply && reply.body, '{"host":"https://api.example"}');
      await container.remove();
    });

    it('hears what the code writes on both streams, however long the line', async () => {
      const { client, container } = await create();
      const long = 100_000;
      const lines: string[] = [];
      const heard = new Promise<void>((resolve) => {
        container.onLog((stream, line) => {
          lines.push(`${stream} ${line}`);
          if (lines.includes(`stdout ${'x'.repeat(long)}`) && lines.includes('stderr to err ☃')) resolve();
        });
      });
      await initialise(client, `function main() { console.log("x".repeat(${long})); console.error("to err ☃"); return {} }`);
      await client.run({ value: {} }, limits);
      await heard;
      await container.remove();
    });

    it('takes the processor from a paused container and gives it back, as often as asked', async () => {
      const { client, container } = await create();
      await initialise(client, 'function main(args) { return args }');
      await container.pause();
      await container.pause();
      const unanswered = await client.run({ value: {} }, { ...limits, timeoutMs: 300 });
      assert.equal('failure' in unanswered && unanswered.failure, 'timeout');
      await container.resume();
      await container.resume();
      await assertServes(client);
      await container.remove();
    });

    it('removes a paused container', async () => {
      const { container } = await create();
      await container.pause();
      await container.remove();
      await container.ended;
      await assert.rejects(container.resume());
    });

    it('ends a container with everything in it, a run under way included', async () => {
      const { client, container } = await create();
      await initialise(client, 'function main() { return new Promise(() => {}) }');
      const run = client.run({ value: {} }, limits);
      await assertServes(client);
      await container.remove();
      assert.match((await container.ended).reason, /exit code|signal/);
      await run;
      const refused = await client.run({ value: {} }, { ...limits, timeoutMs: 1000 });
      assert.ok('failure' in refused);
    });

    it('removes a container twice as well as once', async () => {
      const { container } = await create();
      await Promise.all([container.remove(), container.remove()]);
      await container.remove();
    });

    it('says that a container ended when it was killed from outside', async () => {
      const { client, container } = await create();
      await initialise(client, 'function main() { return new Promise(() => {}) }');
      const run = client.run({ value: {} }, limits);
      await kill(container);
      assert.match((await container.ended).reason, /SIGKILL|137/);
      await run;
      await container.remove();
    });

    it('removes every container when it is closed, and none of another invoker', async () => {
      const own = createDriver(2);
      await own.start();
      const containers = await Promise.all([1, 2].map(() => createFrom(own)));
      const bystander = await create();
      await own.close();
      await Promise.all(containers.map(({ container }) => container.ended));
      await assertServes(bystander.client);
      await bystander.container.remove();
    });

    it('refuses to start a container when it has been closed', async () => {
      const own = createDriver(3);
      await own.start();
      await own.close();
      await assert.rejects(createFrom(own), /CONTAINER_START|closed/);
    });

    (enforcesLimits ? describe : describe.skip)('with limits that the kernel keeps', () => {
      it('lets no activation have more memory than the container, and the container survives it', async () => {
        const { client, container } = await create();
        await initialise(client, 'function main() { const held = []; for (;;) held.push(Buffer.alloc(16 * 1024 * 1024, 1)); }');
        const reply = await client.run({ value: {} }, limits);
        assert.match('body' in reply ? reply.body : reply.failure, /exhausted its memory|exited unexpectedly/);
        await assertServes(client);
        await container.remove();
      });

      it('lets no activation start more processes than 1024', async () => {
        const { client, container } = await create();
        const code = `
          const { spawn } = require('node:child_process');
          async function main() {
            let started = 0;
            let refused = false;
            while (started < 2000 && !refused) {
              const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
              await new Promise((resolve) => {
                child.once('spawn', () => { started += 1; resolve(); });
                child.once('error', () => { refused = true; resolve(); });
              });
            }
            return { refused, inBounds: started < 1024 };
          }`;
        await initialise(client, code);
        const reply = await client.run({ value: {} }, { ...limits, timeoutMs: 50_000 });
        assert.equal('body' in reply ? reply.body : reply.message, '{"refused":true,"inBounds":true}');
        await container.remove();
      });
    });
  });
}
