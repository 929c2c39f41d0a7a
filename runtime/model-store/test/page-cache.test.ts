import { strict as assert } from 'node:assert';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { evictFromPageCache, readIntoPageCache } from '../page-cache.ts';

describe('control of the page cache', () => {
  it('leaves the files as they were', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'instainfer-cache-'));
    const file = path.join(folder, 'weights');
    const bytes = Buffer.alloc(3_000_000, 7);
    await writeFile(file, bytes);
    await evictFromPageCache([file]);
    await readIntoPageCache([file]);
    assert.ok(bytes.equals(await readFile(file)));
    await rm(folder, { recursive: true });
  });

  it('fails for a file that is not there', async () => {
    await assert.rejects(evictFromPageCache(['/nowhere/weights']), { code: 'ENOENT' });
  });
});
