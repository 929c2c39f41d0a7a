// Unpacks an action archive (zip or tar.gz) into a folder. The archive is a stranger's: nothing is written outside of
// the folder, no link leads out of it, and it may not grow beyond a bound.
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { readdir, realpath, symlink } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { inflateRawSync } from 'node:zlib';
import type * as Yauzl from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';

// Required: importing a CommonJS module has Node.js load a parser that finds its exports, 1.8 MB in every slot.
const yauzl = createRequire(import.meta.url)('yauzl') as typeof Yauzl;

const zipMagic = '504b0304';
const gzipMagics = ['1f8b0800', '1f8b0808'];
/** Compression method 0 of the zip format. */
const stored = 0;
const defaultMaxEntries = 100_000;
/** Entries up to this size are inflated in one go. */
const maxInflatedAtOnceBytes = 16 * 1024 * 1024;

interface Bounds {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

/** The archive cannot be used; the message is for the person who packed it. */
export class ArchiveError extends Error {}

const unpackingFailed = (reason: string): ArchiveError => new ArchiveError(`There was an error uncompressing the action archive. ${reason}`);

/**
 * @param archive bytes of a zip or tar.gz file
 * @param folder an empty folder
 * @param maxBytes bound of the unpacked files together
 * @param maxEntries bound of their number
 * @throws ArchiveError with one line saying what is wrong; the folder then holds rubbish and should be removed
 */
export async function unpack(archive: Buffer, folder: string, maxBytes: number, maxEntries = defaultMaxEntries): Promise<void> {
  const bounds: Bounds = { maxBytes, maxEntries };
  const magic = archive.subarray(0, 4).toString('hex');
  try {
    let mayHaveLinks = true;
    if (magic === zipMagic) mayHaveLinks = await unpackZip(archive, folder, bounds);
    else if (gzipMagics.includes(magic)) await unpackTar(archive, folder, bounds);
    else throw unpackingFailed('The file type is unsupported');
    if (mayHaveLinks) await refuseEscapingLinks(folder);
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    throw unpackingFailed(error instanceof Error ? error.message : String(error));
  }
}

/** @returns whether there are links among its files */
async function unpackZip(archive: Buffer, folder: string, bounds: Bounds): Promise<boolean> {
  // yauzl refuses names that are absolute or climb with "..".
  const zip = await yauzl.fromBufferPromise(archive, { strictFileNames: true, lazyEntries: true });
  checkBounds(zip.entryCount, 0, bounds);
  const links: { file: string; target: string }[] = [];
  const folders = new Set<string>();
  const makeFolder = (directory: string): void => {
    if (folders.has(directory)) return;
    folders.add(directory);
    mkdirSync(directory, { recursive: true });
  };
  let entries = 0;
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    entries += 1;
    bytes += entry.uncompressedSize;
    checkBounds(entries, bytes, bounds);
    const file = path.join(folder, entry.fileName);
    if (entry.fileName.endsWith('/')) {
      makeFolder(file);
      continue;
    }
    makeFolder(path.dirname(file));
    if (entry.uncompressedSize > maxInflatedAtOnceBytes && entry.compressionMethod !== stored && !isLink(entry)) {
      await writeInPieces(zip, entry, file);
      continue;
    }
    const content = await contentOf(archive, zip, entry);
    if (isLink(entry)) links.push({ file, target: content.toString('utf8') });
    else writeFileSync(file, content, { flag: 'wx', mode: fileMode(entry) });
  }
  // Links last: so no file of the archive is ever written through one.
  for (const { file, target } of links) {
    refuseOutside(folder, path.resolve(path.dirname(file), target), file);
    await symlink(target, file);
  }
  return links.length > 0;
}

/**
 * Inflates in one go rather than through streams: a call may be waiting, nothing else happens in a slot meanwhile, and
 * each hop to a thread and back takes a millisecond on a busy machine.
 */
async function contentOf(archive: Buffer, zip: ZipFile, entry: Entry): Promise<Buffer> {
  if (!entry.canDecodeFileData()) throw unpackingFailed(`${entry.fileName} is encrypted or compressed in an unknown way`);
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const data = archive.subarray(fileDataStart, fileDataStart + entry.compressedSize);
  const content = entry.compressionMethod === stored ? data : inflateRawSync(data, { maxOutputLength: Math.max(1, entry.uncompressedSize) });
  if (content.length !== entry.uncompressedSize) throw unpackingFailed(`${entry.fileName} has ${content.length} bytes, not ${entry.uncompressedSize}`);
  return content;
}

/** Through streams, which hold little at a time, and fail where the size is not what the archive says. */
async function writeInPieces(zip: ZipFile, entry: Entry, file: string): Promise<void> {
  await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(file, { flags: 'wx', mode: fileMode(entry) }));
}

/** Unix permissions from the upper half of the external attributes; zero when the packer set none. */
const unixMode = (entry: Entry): number => entry.externalFileAttributes >>> 16;
const isLink = (entry: Entry): boolean => (unixMode(entry) & 0o170000) === 0o120000;
const fileMode = (entry: Entry): number => (unixMode(entry) & 0o777) | 0o600;

async function unpackTar(archive: Buffer, folder: string, bounds: Bounds): Promise<void> {
  const tar = await import('tar');
  let entries = 0;
  let bytes = 0;
  const extraction = tar.extract({
    cwd: folder,
    strict: true,
    onReadEntry: (entry) => {
      entries += 1;
      bytes += entry.size;
      try {
        checkBounds(entries, bytes, bounds);
      } catch (error) {
        // This is an event listener: what it throws would end the process.
        extraction.abort(error as Error);
      }
    },
  });
  await pipeline(Readable.from([archive]), extraction);
}

function checkBounds(entries: number, bytes: number, { maxBytes, maxEntries }: Bounds): void {
  if (entries > maxEntries) throw unpackingFailed(`It has more than ${maxEntries} entries`);
  if (bytes > maxBytes) throw unpackingFailed(`Its files are larger than ${maxBytes} bytes`);
}

function refuseOutside(folder: string, target: string, link: string): void {
  const relative = path.relative(folder, target);
  if (relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative)) {
    throw unpackingFailed(`The link ${path.relative(folder, link)} points out of the archive`);
  }
}

/** Follows every link to its end: a chain of harmless ones may lead out, too. */
async function refuseEscapingLinks(folder: string): Promise<void> {
  const root = await realpath(folder);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = path.join(entry.parentPath, entry.name);
    const end = await realpath(link).catch(() => undefined);
    if (end !== undefined) refuseOutside(root, end, link);
  }
}
