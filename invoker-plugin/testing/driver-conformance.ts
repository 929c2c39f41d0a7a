// What every container driver has to do, as a suite that takes a factory. It runs the real runtime in real containers.
import { strict as assert } from 'node:assert';
import { RuntimeClient, type NoReply, type RuntimeReply } from '../runtime-client.ts';
import type { Container, ContainerDriver } from '../drivers/driver.ts';

const limits = { timeoutMs: 20_000, maxResponseBytes: 1024 * 1024 };
const memoryLimitBytes = 512 * 1024 * 1024;

function statusOf(reply: RuntimeReply | NoReply): number {
  assert.ok('status' in reply, 'failure' in reply ? reply.message : '');
  return reply.status;
}

/** Registers the suite. */
export function describeDriver(name: string, createDriver: () => ContainerDriver): void {
  describe(`${name} as a container driver`, function () {
    this.timeout(60_000);
    let driver: ContainerDriver;
    let count = 0;
    const clients: RuntimeClient[] = [];

    before(() => {
      driver = createDriver();
    });
    after(async () => {
      for (const client of clients) client.close();
      await driver.close();
    });

    const create = async (environment: Record<string, string> = {}): Promise<{ container: Container; client: RuntimeClient }> => {
      count += 1;
      const container = await driver.create({ containerId: `conformance-${process.pid}-${count}`, memoryLimitBytes, environment });
      const client = new RuntimeClient(container.baseUrl, () => performance.now());
      clients.push(client);
      return { container, client };
    };

    it('gives a container that serves /init and /run', async () => {
      const { client, container } = await create();
      assert.equal(statusOf(await client.init({ main: 'main', code: 'function main(args) { return { hello: args.name } }', binary: false }, limits)), 200);
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
      await client.init({ main: 'main', code: 'function main() { return { host: process.env.__OW_API_HOST } }', binary: false }, limits);
      const reply = await client.run({ value: {} }, limits);
      assert.equal('body' in reply && reply.body, '{"host":"https://api.example"}');
      await container.remove();
    });

    it('hears what the code writes on both streams', async () => {
      const { client, container } = await create();
      const lines: string[] = [];
      const heard = new Promise<void>((resolve) => {
        container.onLog((stream, line) => {
          lines.push(`${stream} ${line}`);
          if (lines.includes('stdout to out') && lines.includes('stderr to err')) resolve();
        });
      });
      await client.init({ main: 'main', code: 'function main() { console.log("to out"); console.error("to err"); return {} }', binary: false }, limits);
      await client.run({ value: {} }, limits);
      await heard;
      await container.remove();
    });

    it('ends a container with everything in it, a run under way included', async () => {
      const { client, container } = await create();
      await client.init({ main: 'main', code: 'function main() { return new Promise(() => {}) }', binary: false }, limits);
      const run = client.run({ value: {} }, limits);
      const status = await client.status(5000);
      assert.ok(status.ok);
      await container.remove();
      assert.match(await container.ended, /exit code|signal/);
      await run;
      const refused = await client.run({ value: {} }, limits);
      assert.equal('failure' in refused && refused.failure, 'refused');
    });

    it('removes a container twice as well as once', async () => {
      const { container } = await create();
      await Promise.all([container.remove(), container.remove()]);
      await container.remove();
    });

    it('says that a container ended when it was killed from outside', async () => {
      // Code that shares the proxy's user may kill it; with a user of its own it may not.
      const { client, container } = await create({ INSTAINFER_SLOT_USERS: 'shared' });
      await client.init({ main: 'main', code: 'function main() { process.kill(process.ppid, "SIGKILL"); return new Promise(() => {}) }', binary: false }, limits);
      const run = client.run({ value: {} }, limits);
      assert.match(await container.ended, /SIGKILL|137/);
      await run;
      await container.remove();
    });

    it('removes every container when it is closed', async () => {
      const own = createDriver();
      const containers = await Promise.all([1, 2].map((index) => own.create({ containerId: `closing-${process.pid}-${index}`, memoryLimitBytes, environment: {} })));
      await own.close();
      await Promise.all(containers.map((container) => container.ended));
    });
  });
}
