import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppError } from '../../common/errors.ts';
import { processIds } from '../../common/process-tree.ts';
import { ProcessDriver } from '../drivers/process-driver.ts';
import { describeDriver } from '../testing/driver-conformance.ts';

const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');

describeDriver({
  name: 'the process driver',
  create: () => new ProcessDriver({ runtimeMain, startTimeoutMs: 20_000, graceMs: 1_000 }),
  kill: async ({ baseUrl }) => {
    process.kill(await listenerOf(new URL(baseUrl).port), 'SIGKILL');
  },
  enforcesLimits: false,
});

/** The process that listens on a port of this machine. */
async function listenerOf(port: string): Promise<number> {
  const listening = new RegExp(`^ *\\d+: \\S+:${Number(port).toString(16).toUpperCase().padStart(4, '0')} \\S+ 0A(?: +\\S+){5} +(\\d+)`, 'm');
  const inode = listening.exec(readFileSync('/proc/net/tcp', 'utf8'))?.[1];
  for (const pid of processIds()) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      if ((await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')) === `socket:[${inode}]`) return pid;
    }
  }
  throw new Error(`nobody listens on port ${port}`);
}

describe('the process driver', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'process-driver-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const createFrom = async (source: string, startTimeoutMs: number): Promise<unknown> => {
    const runtime = path.join(folder, 'runtime.mjs');
    writeFileSync(runtime, source);
    const driver = new ProcessDriver({ runtimeMain: runtime, startTimeoutMs, graceMs: 100 });
    try {
      return await driver.create({ containerId: 'c1', memoryLimitBytes: 1, environment: {} });
    } finally {
      await driver.close();
    }
  };
  const isStartError =
    (pattern: RegExp) =>
    (error: unknown): boolean => {
      assert.ok(error instanceof AppError);
      assert.equal(error.code, 'CONTAINER_START');
      assert.match(error.message, pattern);
      return true;
    };

  it('says why a runtime ended before it listened', async () => {
    await assert.rejects(createFrom('console.error("no such disk"); process.exit(3)', 10_000), isStartError(/exit code 3/));
  });

  it('gives up on a runtime that never listens, and leaves nothing of it', async () => {
    await assert.rejects(createFrom('setInterval(() => {}, 1000)', 300), isStartError(/nothing was heard of it for 300 ms/));
  });

  it('refuses a runtime that speaks another protocol', async () => {
    await assert.rejects(createFrom('process.send({ port: "x" }); setInterval(() => {}, 1000)', 10_000), isStartError(/first message/));
  });
});
