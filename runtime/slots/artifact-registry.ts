// What is resident in this slot: sessions by model name and libraries by npm name, opened once, measured, and handed to
// the action through the SDK and through ONNX Runtime's own `InferenceSession.create`.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { InferenceSession } from 'onnxruntime-node';
import type { DiffusionPipeline } from '../diffusion/diffusion-pipeline.ts';
import type { Artifacts, LoadedArtifact } from '../protocol.ts';
import { quietOptions, type OpenMode } from '../model-store/open-model.ts';
import { evictFromPageCache } from '../model-store/page-cache.ts';
import { tinyModel } from '../model-store/tiny-model.ts';
import { noArtifacts, readDeclaration } from './declaration.ts';
import { LoadClock } from './load-clock.ts';
import { attachmentOf, evictModel, MissingArtifactError, ModelSource, openSession, sampleInputsOf, type OnnxRuntime, type OpenableModel } from './model-source.ts';
import type { SlotSettings } from './messages.ts';
import { requireOf } from './action-code.ts';
import { Pipelines } from './pipelines.ts';
import { privateBytes } from './private-bytes.ts';
import { requireLater } from './required-later.ts';
import { shareSessions } from './shared-sessions.ts';

const requireOfRuntime = createRequire(import.meta.url);

/** An npm package name; in particular no path, relative or absolute. */
const packageName = /^(?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/i;

/** The name under which the SDK finds the registry of the slot it runs in. */
const registrySymbol = Symbol.for('instainfer.slot.v1');

export class ArtifactRegistry {
  readonly clock = new LoadClock();
  readonly pipelines: Pipelines;
  private readonly artifacts: LoadedArtifact[] = [];
  /** Milliseconds spent on emptying the page cache before cold loads: a condition of the experiment, no part of a load. */
  evictionMs = 0;
  /** Models resident in other slots of this container: their pages are in use, evicting them would be no experiment. */
  residentElsewhere: readonly string[] = [];
  private readonly settings: SlotSettings;
  private readonly source: ModelSource;
  private readonly sessions = new Map<string, Promise<InferenceSession>>();
  /** What the action wants resident, as far as is known. */
  declared = noArtifacts;
  private actionDir: string;
  private onnxRuntime: OnnxRuntime | undefined;
  private starting: Promise<void> | undefined;

  constructor(settings: SlotSettings, actionDir: string) {
    this.settings = settings;
    this.actionDir = actionDir;
    this.source = new ModelSource(settings.modelStore);
    this.pipelines = new Pipelines(settings, this.clock, (name, files) => this.evictIfCold(name, () => evictFromPageCache(files)));
  }

  /** ONNX Runtime for our own use, required when first asked for. */
  get ort(): OnnxRuntime {
    return this.onnxRuntime ?? this.requireOnnxRuntime().own;
  }

  /** The action's `create` knows what is resident from then on. */
  private requireOnnxRuntime(): { readonly own: OnnxRuntime; readonly shared: OnnxRuntime } {
    const shared = requireOfRuntime('onnxruntime-node') as OnnxRuntime;
    this.onnxRuntime ??= this.settings.loading === 'mapped' ? shareSessions(shared, (file) => this.residentAt(file), this.clock) : shared;
    return { own: this.onnxRuntime, shared };
  }

  /** So that what it takes itself is not taken for the first model's. */
  private startOnnxRuntime(): Promise<void> {
    this.starting ??= this.ort.InferenceSession.create(tinyModel, quietOptions).then((session) => session.release());
    return this.starting;
  }

  /** Makes ready what every action of the kind needs, so that nobody waits for it later. */
  async prepare(): Promise<void> {
    if (this.settings.onnxRuntime === 'ahead') await this.startOnnxRuntime();
    // An action that requires it itself finds the resident sessions, too, and what that takes counts as loading.
    else requireLater(requireOfRuntime.resolve('onnxruntime-node'), () => this.clock.duringSync(() => this.requireOnnxRuntime().shared));
    await this.source.prepare();
  }

  /** Makes the registry known to the SDK. */
  publish(): void {
    Object.defineProperty(globalThis, registrySymbol, {
      value: {
        model: (name: string) => this.model(name),
        pipeline: (name: string) => this.pipeline(name),
        attachment: async (name: string, fileName: string) => attachmentOf(await this.find(name), fileName),
        sampleInputs: async (name: string) => sampleInputsOf(await this.find(name)),
        library: (name: string): unknown => this.clock.duringSync(() => requireOf(this.actionDir)(name)),
      },
    });
  }

  /** The action's own folder: declared paths are relative to it, and its `instainfer.json` declares what no /load did. */
  enter(actionDir: string): void {
    this.actionDir = actionDir;
    if (this.declared === noArtifacts) this.declared = readDeclaration(actionDir);
  }

  /** Where the plain files of the declared models lie, in their order; a model that is not there has none. */
  async declaredPaths(): Promise<{ name: string; file: string }[]> {
    const found = await Promise.all(this.declared.models.map(({ name }) => this.find(name).catch(() => undefined)));
    return found.flatMap((model) => (model === undefined ? [] : [{ name: model.name, file: model.plainPath }]));
  }

  /** Loads everything declared, one after the other, each model with a warm-up run. */
  async loadAhead(artifacts: Artifacts): Promise<void> {
    this.declared = artifacts;
    for (const library of artifacts.libraries) await this.loadLibrary(library);
    for (const model of artifacts.models) await this.model(model.name, 'ahead');
    for (const { name } of artifacts.pipelines ?? []) await this.pipeline(name, 'ahead');
  }

  /** Everything that is resident. */
  report(): LoadedArtifact[] {
    return [...this.artifacts, ...this.pipelines.report()];
  }

  private pipeline(name: string, mode: OpenMode = this.onPathMode): Promise<DiffusionPipeline> {
    return this.pipelines.get(name, this.declared, this.actionDir, mode);
  }

  /** How what a call waits for is opened. */
  private get onPathMode(): OpenMode {
    return this.settings.loading === 'stock' ? 'stock' : 'onPath';
  }

  private async loadLibrary(name: string): Promise<void> {
    // Loaded again for a part of a pipeline that was given up: what is there stays.
    if (this.artifacts.some((artifact) => artifact.kind === 'library' && artifact.name === name)) return;
    if (!packageName.test(name)) throw new MissingArtifactError(`"${name}" is not the name of an npm package.`);
    let file: string;
    try {
      file = requireOfRuntime.resolve(name);
    } catch {
      throw new MissingArtifactError(`The library "${name}" is not in the runtime image.`);
    }
    await this.measured(name, 'library', () => import(path.isAbsolute(file) ? pathToFileURL(file).href : file));
  }

  /** The resident session of a model, or one that is opened now; two callers share one. */
  model(name: string, mode: OpenMode = this.onPathMode): Promise<InferenceSession> {
    const known = this.sessions.get(name);
    if (known !== undefined) return known;
    const session = this.findOrOpen(name, mode);
    this.sessions.set(name, session);
    session.catch(() => this.sessions.delete(name));
    return session;
  }

  private async findOrOpen(name: string, mode: OpenMode): Promise<InferenceSession> {
    const model = await this.find(name);
    await this.evictIfCold(name, () => evictModel(model, mode));
    return this.clock.during(() => this.open(model, mode));
  }

  private async evictIfCold(name: string, evict: () => Promise<void>): Promise<void> {
    if (!this.settings.evictBeforeLoad || this.residentElsewhere.includes(name)) return;
    const startedAt = performance.now();
    await evict();
    this.evictionMs += performance.now() - startedAt;
  }

  private find(name: string): Promise<OpenableModel> {
    return this.source.find(name, this.declared, this.actionDir);
  }

  private async open(model: OpenableModel, mode: OpenMode): Promise<InferenceSession> {
    if (this.settings.loading === 'mapped') await this.startOnnxRuntime();
    const session = await this.measured(model.name, 'model', () => openSession(this.ort, model, mode));
    const release = session.release.bind(session);
    // User code may release what it was given; the next one to ask must not get a session that is gone.
    session.release = async () => {
      this.forget(model.name);
      await release();
    };
    return session;
  }

  private forget(name: string): void {
    this.sessions.delete(name);
    const index = this.artifacts.findIndex((artifact) => artifact.kind === 'model' && artifact.name === name);
    if (index >= 0) this.artifacts.splice(index, 1);
  }

  private async measured<T>(name: string, kind: LoadedArtifact['kind'], load: () => Promise<T>): Promise<T> {
    const bytesBefore = privateBytes();
    const startedAt = performance.now();
    const loaded = await load();
    const loadMs = performance.now() - startedAt;
    this.artifacts.push({ name, kind, loadMs, bytes: Math.max(0, privateBytes() - bytesBefore) });
    return loaded;
  }

  /** The session of the declared model whose plain file this is: resident, or opened in its loading form. */
  private async residentAt(file: string): Promise<InferenceSession | undefined> {
    const wanted = path.resolve(file);
    for (const { name } of this.declared.models) {
      const model = await this.find(name).catch(() => undefined);
      if (model?.plainPath === wanted) return this.model(name);
    }
    return undefined;
  }
}
