// Goes through an init and a run with an action of no consequence, so that the code for it is loaded and compiled
// before the first real one comes: 5 to 10 ms that no call pays for.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { requireArchive } from './action-code.ts';
import { runActivation } from './activation.ts';
import { unpack } from './archive.ts';

/** A zip with one file, index.js: `exports.main=(a)=>a`. */
const archive = Buffer.from('UEsDBBQAAAgIAPo5d11bfyu1FQAAABMAAAAIAAAAaW5kZXguanNLrSjILyop1stNzMyz1UjUtLVLBABQSwECPwMUAAAICAD6OXddW38rtRUAAAATAAAACAAJAAAAAAAAAAAAtIEAAAAAaW5kZXguanNVVAUAAynoA2tQSwUGAAAAAAEAAQA/AAAAOwAAAAAA', 'base64');

/** @param directory where a folder may be made for a moment */
export async function rehearse(directory: string): Promise<void> {
  const folder = path.join(directory, 'rehearsal');
  await mkdir(folder);
  await unpack(archive, folder, archive.length);
  await runActivation(await requireArchive('main', folder), Buffer.from('{"value":{}}'));
  await rm(folder, { recursive: true });
}
