// What the runtime says of the disk: how much a load had to read from it, of a model whose weights are mapped.
import { strict as assert } from 'node:assert';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { LoadReply } from '../protocol.ts';
import { evictFromPageCache, readIntoPageCache } from '../model-store/page-cache.ts';
import { DrivenRuntime } from '../testing/driven-runtime.ts';
import { multiplyingCode as code, weightsFileName, writeMappedStore } from '../testing/mapped-model.ts';
import type { Reply } from '../testing/runtime-process.ts';

const weightBytes = 32 * 2 ** 20;
/** The kernel may take pages back at any time: what is warm has to be shown once. */
const mostAttempts = 6;

const saidBy = (reply: Reply): number | undefined => {
  const bytes = /disk;desc="(\d+)"/.exec(reply.headers.get('server-timing') ?? '')?.[1];
  return bytes === undefined ? undefined : Number(bytes);
};

describe('what a load has read from the disk', function () {
  this.timeout(60_000);
  const storeDir = mkdtempSync(path.join(os.tmpdir(), 'disk-bytes-'));
  const weights = [path.join(storeDir, weightsFileName)];
  let container: DrivenRuntime;
  before(async () => {
    chmodSync(storeDir, 0o755);
    writeMappedStore(storeDir, weightBytes, 'in full');
    container = await DrivenRuntime.start({ INSTAINFER_MODEL_STORE: storeDir });
  });
  afterEach(() => container.reset());
  after(async () => {
    await container.stop();
    rmSync(storeDir, { recursive: true, force: true });
  });

  const loadFrom = async (prepare: (files: readonly string[]) => Promise<void>): Promise<number> => {
    await container.reset();
    await container.blankSlot();
    await prepare(weights);
    const { diskBytes } = (await container.loaded('large')) satisfies LoadReply;
    assert.ok(diskBytes !== undefined);
    return diskBytes;
  };

  it('ahead of a call: the files where they are cold, next to nothing where they are warm', async () => {
    assert.ok((await loadFrom(evictFromPageCache)) > 0.9 * weightBytes);
    let least = Infinity;
    for (let attempt = 0; attempt < mostAttempts && least > 0.1 * weightBytes; attempt += 1) least = Math.min(least, await loadFrom(readIntoPageCache));
    assert.ok(least <= 0.1 * weightBytes, `${least} bytes`);
  });

  it('on the path of a call: by the run that pages the weights in, and by no run after it', async () => {
    await evictFromPageCache(weights);
    await container.initialised('large', code);
    const first = await container.run();
    assert.equal(first.status, 200, first.text);
    assert.ok((saidBy(first) ?? 0) > 0.9 * weightBytes, first.headers.get('server-timing') ?? '');
    assert.equal(saidBy(await container.run()), undefined, 'nothing was loaded');
  });
});
