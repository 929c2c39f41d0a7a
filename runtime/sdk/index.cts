// What an action asks for its models and libraries. In a slot of the instainfer runtime they are resident, or loaded now
// in their fast form; on a plain OpenWhisk Node.js runtime this file loads them itself, with onnxruntime-node alone.
// One file without dependencies, in CommonJS, so that it can travel in an action's archive; for pipelines, the folder
// `engine` travels with it.
import type { InferenceSession } from 'onnxruntime-node';
import type { DiffusionPipeline } from '../diffusion/diffusion-pipeline.ts';
import type { Artifacts } from '../protocol.ts';
import type { Manifest, SampleInput, StoredModel } from '../model-store/manifest.ts';

const fs: typeof import('node:fs') = require('node:fs');
const path: typeof import('node:path') = require('node:path');
const { createRequire }: typeof import('node:module') = require('node:module');
const { pathToFileURL }: typeof import('node:url') = require('node:url');

interface Sdk {
  model(name: string): Promise<InferenceSession>;
  pipeline(name: string): Promise<DiffusionPipeline>;
  attachment(name: string, fileName: string): Promise<string>;
  sampleInputs(name: string): Promise<Record<string, SampleInput>>;
  library(name: string): unknown;
}

/** The registry of the slot this code runs in; undefined on other runtimes. */
const slot = (globalThis as Record<symbol, unknown>)[Symbol.for('instainfer.slot.v1')] as Sdk | undefined;

/** An artifact the action asks for is not there; `code` is `MODEL_MISSING`, `fix` says what to do. */
class ArtifactError extends Error {
  readonly code = 'MODEL_MISSING';
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(`${message} ${fix}`);
    this.name = 'ArtifactError';
    this.fix = fix;
  }
}

const opened = new Map<string, Promise<InferenceSession>>();

/** Requires as a file of the action would: a zip action's working directory is its folder. */
const requireOfAction = (name: string): unknown => createRequire(path.join(process.cwd(), 'index.js'))(name);

function readJson(file: string): unknown {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function declaredModel(name: string): Artifacts['models'][number] | undefined {
  const declaration = readJson(path.resolve('instainfer.json')) as Artifacts | undefined;
  return declaration?.models.find((candidate) => candidate.name === name);
}

/** The engine of pipelines: in an action's archive beside this file, else in the project. */
const engineFile = ['engine/runtime/diffusion/open-plain.js', '../diffusion/open-plain.js'].map((file) => path.join(__dirname, file));

const openedPipelines = new Map<string, Promise<DiffusionPipeline>>();

async function openPipeline(name: string): Promise<DiffusionPipeline> {
  const engine = engineFile.find((file) => fs.existsSync(file));
  if (engine === undefined) throw new ArtifactError('This archive has no engine for pipelines.', 'Declare "pipelines" in instainfer.json and package the action again.');
  const { openPlainPipeline } = (await import(pathToFileURL(engine).href)) as typeof import('../diffusion/open-plain.ts');
  return openPlainPipeline(pipelineFolder(name), requireOfAction);
}

function pipelineFolder(name: string): string {
  const declaration = readJson(path.resolve('instainfer.json')) as Artifacts | undefined;
  const declared = declaration?.pipelines?.find((candidate) => candidate.name === name);
  if (declared?.path !== undefined) return path.resolve(declared.path);
  const storeDir = process.env['INSTAINFER_MODEL_STORE'];
  if (storeDir === undefined) throw new ArtifactError(`There is no pipeline "${name}".`, 'Declare it with a "path" in instainfer.json, or set INSTAINFER_MODEL_STORE to the folder of the model store.');
  const [pipeline = name, version] = (declared?.store ?? name).split('@');
  const manifest = readJson(path.join(storeDir, 'manifest.json')) as Manifest | undefined;
  const unet = manifest?.models.findLast((candidate) => candidate.name === `${pipeline}/unet` && (version === undefined || candidate.version === version));
  return unet === undefined ? path.resolve(storeDir, pipeline) : path.dirname(path.dirname(path.resolve(storeDir, unet.plain.path)));
}

function storedModel(name: string): { storeDir: string; entry: StoredModel } {
  const storeDir = process.env['INSTAINFER_MODEL_STORE'];
  if (storeDir === undefined) {
    throw new ArtifactError(`There is no model "${name}".`, 'Declare it with a "path" in instainfer.json, or set INSTAINFER_MODEL_STORE to the folder of the model store.');
  }
  const [model, version] = (declaredModel(name)?.store ?? name).split('@');
  const manifest = readJson(path.join(storeDir, 'manifest.json')) as Manifest | undefined;
  const entry = manifest?.models.findLast((candidate) => candidate.name === model && (version === undefined || candidate.version === version));
  if (entry === undefined) throw new ArtifactError(`The model store ${storeDir} has no model "${name}".`, 'Build it: npm run models -- build');
  return { storeDir, entry };
}

function plainFileOf(name: string): string {
  const declared = declaredModel(name);
  if (declared?.path !== undefined) return path.resolve(declared.path);
  const { storeDir, entry } = storedModel(name);
  return path.resolve(storeDir, entry.plain.path);
}

async function open(name: string): Promise<InferenceSession> {
  const file = plainFileOf(name);
  const ort = requireOfAction('onnxruntime-node') as typeof import('onnxruntime-node');
  return ort.InferenceSession.create(file);
}

const standalone: Sdk = {
  model(name) {
    let session = opened.get(name);
    if (session === undefined) {
      session = open(name);
      opened.set(name, session);
      session.catch(() => opened.delete(name));
    }
    return session;
  },
  pipeline(name) {
    let opening = openedPipelines.get(name);
    if (opening === undefined) {
      opening = openPipeline(name);
      openedPipelines.set(name, opening);
      opening.catch(() => openedPipelines.delete(name));
    }
    return opening;
  },
  async attachment(name, fileName) {
    const { storeDir, entry } = storedModel(name);
    const file = entry.attachments.find((candidate) => path.basename(candidate.path) === fileName);
    if (file === undefined) throw new ArtifactError(`The model "${name}" has no file "${fileName}" in the model store.`, 'Build the store again: npm run models -- build');
    return path.resolve(storeDir, file.path);
  },
  async sampleInputs(name) {
    return declaredModel(name)?.path === undefined ? storedModel(name).entry.sampleInputs : {};
  },
  library: requireOfAction,
};

const sdk = slot ?? standalone;

/**
 * The session of a model that the action declares (annotation `preload` or `instainfer.json`), or of one in the model
 * store: resident already, or opened now. One session for all callers; do not release it unless you are its only user.
 */
const model = (name: string): Promise<InferenceSession> => sdk.model(name);

/**
 * A pipeline that the action declares, or one in the model store, such as `stable-diffusion`: its networks are resident
 * already, or opened now. `generate({ prompt, … })` of it gives a picture.
 */
const pipeline = (name: string): Promise<DiffusionPipeline> => sdk.pipeline(name);

/** Absolute path of a file stored with a model, such as `tokenizer.json` of `bert-base`. */
const attachment = (name: string, fileName: string): Promise<string> => sdk.attachment(name, fileName);

/** Shapes and fill values of one valid inference, by input name; empty for a model of the archive. */
const sampleInputs = (name: string): Promise<Record<string, SampleInput>> => sdk.sampleInputs(name);

/** `require(name)` as the action would, its time counted as loading. */
const library = (name: string): unknown => sdk.library(name);

module.exports = { model, pipeline, attachment, sampleInputs, library, ArtifactError };
