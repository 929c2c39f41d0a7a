// A folder for one suite of tests, deleted after it. For Mocha only.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** Registers the hooks that make and delete the folder; the function gives a path in it. */
export function useTemporaryFolder(): (...parts: string[]) => string {
  let folder: string | undefined;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'instainfer-zoo-'));
  });
  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });
  return (...parts) => {
    if (folder === undefined) throw new Error('There is no folder before the tests have begun.');
    return path.join(folder, ...parts);
  };
}
