// Makes an OpenWhisk zip action of an action's folder: its files, what it includes, and the SDK. It does not deploy.
import type { Dirent } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import yazl from 'yazl';
import { z } from 'zod';
import { AppError } from '../common/errors.ts';
import { artifactsSchema, type Artifacts } from '../runtime/protocol.ts';
import { isActionName, type ActionName } from './action-names.ts';

const projectDir = path.resolve(import.meta.dirname, '../..');
const actionsDir = path.join(projectDir, 'actions');
const buildDir = path.join(projectDir, 'build');
/** One file without dependencies. */
const sdkFile = path.join(buildDir, 'runtime/sdk/index.cjs');

/** A zip holds nothing larger than stock OpenWhisk's limit of 48 MB for an action, which counts its base64 text. */
const maxZipBytes = 36 * 1024 * 1024;

/** Files up to this size are stored as they are: a container unpacks them sooner, on the path of the first call. */
const storedUncompressedBytes = 64 * 1024;

/** The parts of an action's package.json that matter here. */
const packageSchema = z.object({
  name: z.string().regex(/^[\w][\w@ .-]*$/, 'an OpenWhisk action name: letters, digits and _ @ . -'),
  instainfer: z
    .object({
      memoryMegabytes: z.number().int().min(128).max(65536).default(512),
      /** Files and folders outside the action's folder that go into the zip too, such as `../shared`. */
      include: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),
});

/** An action ready to be created: by `wsk`, or by a PUT to the OpenWhisk API. */
export interface PackagedAction {
  readonly name: string;
  /** Same sources, same bytes: its SHA-256 says whether an action changed. */
  readonly zip: Buffer;
  readonly artifacts: Artifacts;
  readonly memoryLimitMegabytes: number;
  /** As the OpenWhisk API takes them. */
  readonly annotations: readonly { readonly key: string; readonly value: unknown }[];
}

/**
 * Packages one of the actions of this folder, or any folder with an `index.js`, a `package.json` and an `instainfer.json`.
 * @param action a name of `actionNames`, or the path of a folder
 * @throws AppError ACTION_ARCHIVE when the folder is not an action, or the zip would be larger than OpenWhisk takes
 */
export async function packageAction(action: ActionName | (string & {})): Promise<PackagedAction> {
  const folder = isActionName(action) ? path.join(actionsDir, action) : path.resolve(action);
  const manifest = await readJson(path.join(folder, 'package.json'), packageSchema);
  const artifacts = await readJson(path.join(folder, 'instainfer.json'), artifactsSchema);
  const { include, memoryMegabytes } = manifest.instainfer;

  const files = await filesUnder(folder, '');
  for (const included of include) {
    files.push(...(await filesUnder(path.resolve(folder, included), included.replaceAll('../', ''))));
  }
  files.push(...(await filesUnder(sdkFile, 'node_modules/instainfer/index.js')));
  if (artifacts.pipelines !== undefined) files.push(...(await engineFiles()));

  const zip = await zipOf(files);
  if (zip.length > maxZipBytes) {
    throw new AppError('ACTION_ARCHIVE', `The zip of ${folder} has ${zip.length} bytes; OpenWhisk takes ${maxZipBytes}.`, 'Put models into the model store and libraries into the runtime image.');
  }
  return { name: manifest.name, zip, artifacts, memoryLimitMegabytes: memoryMegabytes, annotations: [{ key: 'preload', value: artifacts }] };
}

/** What answers with a picture on runtimes other than ours, where the SDK has to load it itself. */
async function engineFiles(): Promise<ZipEntry[]> {
  const engine = 'node_modules/instainfer/engine';
  const diffusion = await filesUnder(path.join(buildDir, 'runtime/diffusion'), `${engine}/runtime/diffusion`);
  return [
    ...diffusion.filter(({ nameInZip }) => !/\/(test|testing)\//.test(nameInZip)),
    ...(await filesUnder(path.join(buildDir, 'common/errors.js'), `${engine}/common/errors.js`)),
    // Says that these files are modules.
    ...(await filesUnder(path.join(projectDir, 'runtime/diffusion/package.json'), `${engine}/package.json`)),
  ];
}

/** The command that creates the action from its zip, for a POSIX shell. */
export function createCommand(action: PackagedAction, zipFile: string): string {
  const annotations = action.annotations.map(({ key, value }) => `-a ${key} ${quoted(JSON.stringify(value))}`).join(' ');
  return `wsk action create ${quoted(action.name)} --kind nodejs:instainfer ${quoted(zipFile)} --memory ${action.memoryLimitMegabytes} ${annotations}`;
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

interface ZipEntry {
  readonly file: string;
  readonly nameInZip: string;
}

/** All files of a folder but hidden ones and TypeScript, or the one file, in an order that does not depend on the file system. */
async function filesUnder(source: string, nameInZip: string): Promise<ZipEntry[]> {
  const found = await stat(source).catch((cause: unknown) => {
    throw new AppError('ACTION_ARCHIVE', `${source} is not there.`, 'Check the action\'s folder and the "include" of its package.json; the SDK needs: npm run build', { cause });
  });
  if (found.isFile()) return [{ file: source, nameInZip }];
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  const relativePathOf = (entry: Dirent): string => path.relative(source, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/');
  const wanted = entries.filter((entry) => !entry.isDirectory() && !/\.(ts|map)$/.test(entry.name) && !/(^|\/)\./.test(relativePathOf(entry)));
  const odd = wanted.find((entry) => !entry.isFile());
  if (odd !== undefined) {
    throw new AppError('ACTION_ARCHIVE', `${path.join(odd.parentPath, odd.name)} is a link, not a file.`, 'Put a copy there, or name what it points to under "include" in package.json.');
  }
  return wanted
    .map(relativePathOf)
    .sort()
    .map((relative) => ({ file: path.join(source, relative), nameInZip: path.posix.join(nameInZip, relative) }));
}

async function zipOf(entries: readonly ZipEntry[]): Promise<Buffer> {
  const archive = new yazl.ZipFile();
  // The DOS date field is local time without a zone: these local fields give the same bytes on every machine.
  const options = { mtime: new Date(1980, 0, 2, 12), forceDosTimestamp: true, mode: 0o100644 };
  for (const { file, nameInZip } of entries) {
    const contents = await readFile(file);
    archive.addBuffer(contents, nameInZip, { ...options, compress: contents.length > storedUncompressedBytes });
  }
  archive.end();
  return await buffer(archive.outputStream);
}

async function readJson<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.infer<Schema>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new AppError('ACTION_ARCHIVE', `${file} cannot be read as JSON.`, 'An action is a folder with index.js, package.json and instainfer.json; see docs/actions.md.', { cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const problem = z.prettifyError(parsed.error).split('\n').map((line) => line.trim()).join(' ');
  throw new AppError('ACTION_ARCHIVE', `${file} does not fit: ${problem}.`, 'See docs/actions.md for what belongs into it.');
}
