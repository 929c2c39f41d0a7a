// Model files read ahead by a live invoker: real files that are out of the page cache, the real runtime in process containers.
import { strict as assert } from 'node:assert';
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import type { ActionDocument } from '../../common/action-document.ts';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { actionDocument } from '../../common/testing/action-documents.ts';
import { eventually } from '../../common/testing/eventually.ts';
import { MemoryCatalog } from '../../controller-plugin/embedded/memory-catalog.ts';
import { FileReader } from '../../runtime/model-store/file-reader.ts';
import { estimatorOf } from '../../runtime/model-store/load-estimate.ts';
import { ModelStore } from '../../runtime/model-store/model-store.ts';
import { evictFromPageCache } from '../../runtime/model-store/page-cache.ts';
import { multiplyingCode as code, weightsFileName, writeMappedStore } from '../../runtime/testing/mapped-model.ts';
import type { SchedulerCommand } from '../core/commands.ts';
import type { SchedulerEvent } from '../core/events.ts';
import { baseConfig, MiB } from '../core/test/builders.ts';
import { ProcessDriver } from '../drivers/process-driver.ts';
import { embeddedServing, Invoker } from '../invoker.ts';
import { ReadingAhead } from '../reading-ahead.ts';
import { ControllerMessages, recordOf } from '../testing/controller-messages.ts';

const weightBytes = 32 * MiB;
/** The kernel may take pages back that nobody uses, at any time: then it is tried again. */
const mostAttempts = 6;

describe('model files read ahead', function () {
  this.timeout(120_000);
  const storeDir = mkdtempSync(path.join(os.tmpdir(), 'read-ahead-'));
  let events: SchedulerEvent[];
  let commands: SchedulerCommand[];

  before(() => {
    chmodSync(storeDir, 0o755);
    writeMappedStore(storeDir, weightBytes, 'in full');
  });
  after(() => {
    rmSync(storeDir, { recursive: true });
  });

  const eventOf = <T extends SchedulerEvent['type']>(type: T): Extract<SchedulerEvent, { type: T }> | undefined =>
    events.find((event): event is Extract<SchedulerEvent, { type: T }> => event.type === type);

  /** One call of an action that has no place anywhere, its files on the disk to begin with. @returns what the call read from the disk */
  async function callWith(readAheadBytesPerSecond: number): Promise<number> {
    events = [];
    commands = [];
    const bus = new MemoryBus();
    const catalog = new MemoryCatalog();
    const controller = await ControllerMessages.on(bus);
    const action: ActionDocument = actionDocument('large', { code, limits: { timeoutMs: 30_000 }, annotations: { 'provide-api-key': false, preload: { models: [{ name: 'large', store: 'large' }] } } });
    catalog.put(action);
    const scheduler = { ...baseConfig, poolMemoryBytes: 512 * MiB, preload: true, stemCellCount: 0, readAheadBytesPerSecond };
    const invoker = new Invoker({
      ...embeddedServing(scheduler.poolMemoryBytes),
      instance: 0,
      bus,
      clock: new SystemClock(),
      logger: pino({ level: 'silent' }),
      driver: new ProcessDriver({ runtimeMain: path.resolve(import.meta.dirname, '../../runtime/main.js'), startTimeoutMs: 20_000, graceMs: 500 }),
      catalog,
      scheduler,
      environment: { INSTAINFER_MODEL_STORE: storeDir },
      publishEvents: false,
      estimate: estimatorOf(storeDir),
      fileReader: new FileReader(storeDir),
      onFinished: () => undefined,
      onStep: (event, asked) => {
        events.push(event);
        commands.push(...asked);
      },
    });
    await evictFromPageCache([path.join(storeDir, weightsFileName)]);
    await invoker.start();
    try {
      await invoker.deploy(action.actionKey);
      if (readAheadBytesPerSecond > 0) await eventually(() => eventOf('readAheadEnded') !== undefined, 'the files are read', 20_000);
      const record = recordOf(await controller.acknowledged(await controller.send('large', { revision: '1-x' })));
      assert.deepEqual(record.response.result, { done: true });
      await eventually(() => eventOf('activationFinished') !== undefined, 'the scheduler hears of it', 10_000);
      const { diskBytes } = eventOf('activationFinished') ?? {};
      assert.ok(diskBytes !== undefined, 'the container has counted');
      return diskBytes;
    } finally {
      await invoker.stop();
      await bus.close();
    }
  }

  it('leave nothing to be read from the disk by the load that follows, in whatever container', async () => {
    let least = Infinity;
    for (let attempt = 0; attempt < mostAttempts && least > 0.1 * weightBytes; attempt += 1) {
      least = Math.min(least, await callWith(1e9));
      const [asked] = commands.filter(({ type }) => type === 'readAhead');
      assert.equal(asked?.type === 'readAhead' ? asked.reason : undefined, 'no-place', 'it has a place in no container');
      const ended = eventOf('readAheadEnded');
      assert.equal(ended?.outcome, 'read');
      assert.ok((ended?.diskBytes ?? 0) > 0.9 * weightBytes, `${ended?.diskBytes} bytes came from the disk`);
    }
    assert.ok(least <= 0.1 * weightBytes, `the call still read ${least} of ${weightBytes} bytes from the disk`);
  });

  it('are read from the disk by the call where they are not', async () => {
    const diskBytes = await callWith(0);
    assert.deepEqual(commands.filter(({ type }) => type === 'readAhead'), []);
    assert.ok(diskBytes > 0.9 * weightBytes, `the call read ${diskBytes} of ${weightBytes} bytes from the disk`);
  });

  describe('by the reader', () => {
    const idsOf = async (): Promise<readonly string[]> => {
      const store = await ModelStore.open(storeDir);
      const files = store.manifest.models[0]?.form?.files ?? [];
      return files.map(({ sha256 }) => sha256.slice(0, 16));
    };

    it('no faster than they are meant to be, and no further when it is told to stop', async () => {
      const controller = new AbortController();
      const reading = new FileReader(storeDir).read(await idsOf(), 4e6, controller.signal);
      // At 4 MB a second the first megabyte alone takes a quarter of a second.
      setTimeout(() => controller.abort(), 100);
      const { outcome, files } = await reading;
      assert.equal(outcome, 'stopped');
      assert.ok(files.reduce((sum, { bytes }) => sum + bytes, 0) <= 2 * MiB, JSON.stringify(files));
    });

    it('never out of the store, wherever a link of it leads', async () => {
      const linked = mkdtempSync(path.join(os.tmpdir(), 'read-ahead-link-'));
      try {
        writeMappedStore(linked, 4 * MiB);
        rmSync(path.join(linked, weightsFileName));
        symlinkSync(path.join(storeDir, weightsFileName), path.join(linked, weightsFileName));
        await assert.rejects(new FileReader(linked).read(await idsOf(), 1e9, new AbortController().signal), /no file \w{16} in the model store/);
      } finally {
        rmSync(linked, { recursive: true });
      }
    });
  });

  it('are given up where the store cannot be read, which is said once', async () => {
    const logged: string[] = [];
    const told: SchedulerEvent[] = [];
    const reading = new ReadingAhead({
      reader: new FileReader(path.join(storeDir, 'elsewhere')),
      clock: new SystemClock(),
      logger: pino({ level: 'warn' }, { write: (line: string) => logged.push(line) }),
      emit: (event) => told.push(event),
    });
    const command = { type: 'readAhead', actionKey: 'guest/a@1', files: ['f'], bytesPerSecond: 1e9, reason: 'no-place' } as const;
    await reading.execute(command);
    await reading.execute(command);
    assert.deepEqual(told.map((event) => (event.type === 'readAheadEnded' ? event.outcome : event.type)), ['failed', 'failed']);
    assert.equal(logged.length, 1, logged.join(''));
  });
});
