// Unpacks an action as a runtime would; and loads it, with the fake SDK in the place of the real one.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Tensor } from 'onnxruntime-node';
import yauzl from 'yauzl';
import type { SampleInput } from '../../runtime/model-store/manifest.ts';
import { packageAction, type PackagedAction } from '../package-action.ts';

const projectDir = path.resolve(import.meta.dirname, '../../..');

/** Within the project, so that an unpacked action finds the libraries that a runtime image has. */
const unpackedDir = path.join(projectDir, 'build/unpacked-actions');

/** A session that keeps what it was fed and answers what it was told to. */
export class RecordingSession {
  readonly inputMetadata: readonly { readonly name: string; readonly shape: readonly (number | string)[] }[];
  readonly outputNames: readonly string[];
  readonly feeds: Record<string, Tensor>[] = [];
  private readonly outputs: Record<string, { data: Float32Array }>;

  constructor(inputs: Record<string, readonly (number | string)[]>, outputs: Record<string, { data: Float32Array }>) {
    this.inputMetadata = Object.entries(inputs).map(([name, shape]) => ({ name, shape }));
    this.outputNames = Object.keys(outputs);
    this.outputs = outputs;
  }

  async run(feeds: Record<string, Tensor>): Promise<Record<string, { data: Float32Array }>> {
    this.feeds.push(feeds);
    return this.outputs;
  }
}

export interface FakeModel {
  readonly session: RecordingSession;
  readonly sampleInputs: Readonly<Record<string, SampleInput>>;
  readonly attachments: Readonly<Record<string, string>>;
}

export interface UnpackedAction {
  readonly main: (parameters: Record<string, unknown>) => Promise<Record<string, unknown>>;
  readonly models: Map<string, FakeModel>;
  readonly dir: string;
  remove(): Promise<void>;
}

/** The action with the fake SDK, ready to be called. */
export async function unpackAction(action: string): Promise<UnpackedAction> {
  const { dir, remove } = await unpackFiles(await packageAction(action));
  const sdkDir = path.join(dir, 'node_modules/instainfer');
  await rm(sdkDir, { recursive: true });
  await cp(path.join(projectDir, 'actions/testing/fake-sdk'), sdkDir, { recursive: true });
  const require = createRequire(path.join(dir, 'package.json'));
  const { main } = require(dir) as Pick<UnpackedAction, 'main'>;
  const { models } = require('instainfer') as Pick<UnpackedAction, 'models'>;
  return { main, models, dir, remove };
}

/** The files of the package as they are, in a folder of their own. */
export async function unpackFiles({ zip }: PackagedAction): Promise<Pick<UnpackedAction, 'dir' | 'remove'>> {
  await mkdir(unpackedDir, { recursive: true });
  const dir = await mkdtemp(path.join(unpackedDir, 'action-'));
  for (const [name, contents] of await zipContents(zip)) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
    await writeFile(path.join(dir, name), contents);
  }
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** File name to contents, in the order of the zip. */
export async function zipContents(zip: Buffer): Promise<Map<string, Buffer>> {
  const contents = new Map<string, Buffer>();
  const archive = await yauzl.fromBufferPromise(zip, { lazyEntries: true });
  for await (const entry of archive.eachEntry()) {
    contents.set(entry.fileName, await buffer(await archive.openReadStreamPromise(entry)));
  }
  return contents;
}
