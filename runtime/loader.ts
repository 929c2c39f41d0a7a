// Loads artifacts ahead of calls: one load at a time, one for each action however often it is asked for, refused when
// memory does not allow, given up when its deadline passes or a call needs the container.
import { findModel } from './model-store/manifest-file.ts';
import { ModelStore } from './model-store/model-store.ts';
import { predictPlainResidentBytes, predictResidentBytes } from './model-store/resident-bytes.ts';
import { findPipeline, predictPartBytes } from './model-store/locate-pipeline.ts';
import { actionKeyOf } from '../common/action-identity.ts';
import { describeError } from '../common/errors.ts';
import { fingerprintOf } from './action-fingerprint.ts';
import { isSameOwner, type SlotOwner } from './core/slot-choice.ts';
import { ExtensionError } from './extension-error.ts';
import type { Artifacts, loadRequestSchema, LoadReply, ModelArtifact, PipelineArtifact } from './protocol.ts';
import type { ActionCode } from './slots/messages.ts';
import { SlotLostError, type Slot } from './slots/slot.ts';
import type { SlotPool } from './slots/slot-pool.ts';
import { openStoreIfAny } from './model-store/open-store.ts';
import type { z } from 'zod';

/** What requiring a library costs, until it has been measured here. */
const assumedLibraryBytes = 12e6;

export type ParsedLoad = z.output<typeof loadRequestSchema>['value'];

interface Load {
  readonly owner: SlotOwner;
  readonly request: ParsedLoad;
  readonly startedAt: number;
  done: Promise<LoadReply>;
  slot: Slot | undefined;
  /** Why it is to end without a result. */
  abortedBy: 'cancelled' | 'deadline' | 'memory' | undefined;
  predictedBytes: number;
}

export interface LoaderOptions {
  readonly pool: SlotPool;
  readonly modelStore: string | undefined;
  /** The slot that activations run in, if any: a load for its own action goes there. */
  readonly activeSlot: () => Slot | undefined;
  /** Called when a load has begun to use memory. */
  readonly onLoading: () => void;
}

export class Loader {
  private readonly options: LoaderOptions;
  private readonly loads: Load[] = [];
  private readonly learntBytes = new Map<string, number>();
  private queue: Promise<unknown> = Promise.resolve();
  private store: ModelStore | undefined;

  constructor(options: LoaderOptions) {
    this.options = options;
  }

  get isLoading(): boolean {
    return this.loads.some(({ slot }) => slot !== undefined);
  }

  /** @throws ExtensionError */
  load(request: ParsedLoad): Promise<LoadReply> {
    const owner: SlotOwner = { actionKey: actionKeyOf(request.action, request.version, { revision: request.revision }), namespace: request.namespace };
    const joined = this.loads.find((load) => isSameOwner(load.owner, owner) && load.abortedBy === undefined);
    if (joined !== undefined) return joined.done;
    const load: Load = { owner, request, startedAt: performance.now(), done: this.queue as Promise<LoadReply>, slot: undefined, abortedBy: undefined, predictedBytes: 0 };
    this.loads.push(load);
    load.done = this.queue.then(() => this.perform(load)).finally(() => {
      this.loads.splice(this.loads.indexOf(load), 1);
    });
    this.queue = load.done.catch(() => undefined);
    return withDeadline(load);
  }

  /** Gives up every load but the owner's own: a call needs the container. */
  cancelAllBut(owner: SlotOwner | undefined): void {
    for (const load of this.loads) {
      if (!isSameOwner(load.owner, owner)) abort(load, 'cancelled');
    }
  }

  /** Gives up one action's load; resolves when nothing of it is left. */
  async cancel(owner: SlotOwner): Promise<void> {
    const load = this.loads.find((candidate) => isSameOwner(candidate.owner, owner));
    if (load === undefined) return;
    abort(load, 'cancelled');
    await load.done.catch(() => undefined);
  }

  /** Gives up the load into this slot: it takes memory that is needed for what runs. Resolves when it is gone. */
  async giveUp(slot: Slot): Promise<void> {
    const load = this.loads.find((candidate) => candidate.slot === slot);
    if (load !== undefined) abort(load, 'memory');
    await slot.kill();
  }

  /** Resolves when the load into this slot has ended, well or not. */
  async waitFor(slot: Slot): Promise<void> {
    await this.loads.find((load) => load.slot === slot)?.done.catch(() => undefined);
  }

  private async perform(load: Load): Promise<LoadReply> {
    throwIfAborted(load);
    const { pool } = this.options;
    const resident = pool.find(load.owner, ['resident', 'retained']);
    // What a frozen slot lacks its call loads: it does not load before it is woken.
    if (resident !== undefined && (resident.state === 'retained' || missingPartsOf(resident).length === 0)) return this.reply(load, resident, { loadMs: 0, diskBytes: 0 });

    const archive = this.archiveFor(load);
    const artifactBytes = await this.predictArtifactBytes(load.request, resident);
    await pool.measure();
    const predictedBytes = resident === undefined ? pool.predictedBytes(artifactBytes) : artifactBytes;
    load.predictedBytes = predictedBytes;
    if (predictedBytes > pool.roomBytes) {
      const memory = pool.report();
      throw new ExtensionError('memory', `Loading ${load.owner.actionKey} needs about ${predictedBytes} bytes; ${memory.freeBytes} of ${memory.limitBytes} are free, of which ${pool.roomBytes} may be loaded into.`, { predictedBytes, memory });
    }
    throwIfAborted(load);
    const active = this.options.activeSlot();
    let slot = active !== undefined && isSameOwner(active.owner, load.owner) ? active : resident !== undefined ? this.retake(load, resident) : this.takeSlot(load, archive);
    slot.reservedBytes = slot.measuredBytes + predictedBytes;
    // A call for another action ends this load and wants a blank slot at once.
    pool.replenish();
    this.options.onLoading();
    try {
      if (slot !== active && slot !== resident) slot = await this.readyOrAnother(slot, load, archive);
      // A slot that holds the rest has unpacked the archive already.
      const { evictionMs, diskBytes } = await this.loadInto(slot, load, slot === resident ? undefined : archive);
      return await this.reply(load, slot, { loadMs: performance.now() - load.startedAt - evictionMs, diskBytes });
    } catch (error) {
      if (slot !== active) await slot.kill();
      throw this.asExtensionError(error, load);
    } finally {
      slot.reservedBytes = 0;
    }
  }

  /**
   * The archive to unpack ahead of the call. Where another namespace's code lives it would be within that code's reach:
   * there it is left out, and refused if models are to come from it.
   */
  private archiveFor({ owner, request }: Load): ActionCode | undefined {
    const archive = archiveOf(request);
    const hasStrangersCode = this.options.pool.all.some((slot) => slot.codeFingerprint !== undefined && slot.owner?.namespace !== owner.namespace);
    if (!hasStrangersCode) return archive;
    if ([...request.artifacts.models, ...(request.artifacts.pipelines ?? [])].some((model) => model.path !== undefined)) {
      throw new ExtensionError('forbidden', `Files of ${owner.actionKey} may not go into a container that holds code of another namespace.`);
    }
    return undefined;
  }

  /** A slot of which parts were given up: only these are loaded. */
  private retake(load: Load, slot: Slot): Slot {
    slot.state = 'loading';
    load.slot = slot;
    return slot;
  }

  private takeSlot(load: Load, archive: ActionCode | undefined): Slot {
    let slot: Slot;
    try {
      slot = this.options.pool.take(true);
    } catch (error) {
      throw noProcess(load, describeError(error));
    }
    slot.state = 'loading';
    slot.owner = load.owner;
    load.slot = slot;
    if (archive !== undefined) slot.codeFingerprint = fingerprintOf(archive);
    return slot;
  }

  /** A spare process began when this load was not known, perhaps on a disk that was full then: another takes its place. */
  private async readyOrAnother(slot: Slot, load: Load, archive: ActionCode | undefined): Promise<Slot> {
    try {
      await slot.ready;
      return slot;
    } catch (error) {
      await slot.kill();
      if (load.abortedBy !== undefined || slot.pid === 0 || this.options.pool.isClosed) throw error;
    }
    const another = this.takeSlot(load, archive);
    another.reservedBytes = another.measuredBytes + load.predictedBytes;
    return another;
  }

  /** @returns milliseconds of eviction, which are no part of the load, and what was read from the disk */
  private async loadInto(slot: Slot, load: Load, archive: ActionCode | undefined): Promise<{ evictionMs: number; diskBytes: number | undefined }> {
    await slot.ready;
    const { artifacts } = load.request;
    const reply = await slot.load({ artifacts, archive, residentModels: this.options.pool.residentArtifactsBeside(slot) });
    if (reply.type === 'failed') throw new ExtensionError('artifact', reply.message);
    if (reply.type !== 'loaded') throw new ExtensionError('artifact', 'The slot gave an answer that was not asked for.');
    slot.artifacts = reply.artifacts;
    for (const { kind, name, bytes } of reply.artifacts) this.learntBytes.set(`${kind} ${name}`, bytes);
    for (const { name, parts = [] } of reply.artifacts) for (const part of parts) this.learntBytes.set(`part ${name}/${part.name}`, part.bytes);
    if (slot.state === 'loading') slot.state = 'resident';
    slot.lastUsefulAt = performance.now();
    return { evictionMs: reply.evictionMs, diskBytes: reply.diskBytes };
  }

  private asExtensionError(error: unknown, load: Load): ExtensionError {
    const { predictedBytes, owner } = load;
    if (load.abortedBy === 'memory') {
      const memory = this.options.pool.report();
      return new ExtensionError('memory', `Loading ${owner.actionKey} was given up: it took memory that was needed for what runs. It was predicted to take ${predictedBytes} bytes.`, { predictedBytes, memory });
    }
    if (load.abortedBy !== undefined) return abortedError(load);
    if (error instanceof ExtensionError) return error;
    if (load.slot?.pid === 0) return noProcess(load, 'no room for its folder, or too many processes or open files');
    if (error instanceof SlotLostError) return new ExtensionError('artifact', `Loading ${owner.actionKey} ended its process; its log may say why.`);
    return new ExtensionError('artifact', describeError(error));
  }

  private async reply(load: Load, slot: Slot, { loadMs, diskBytes }: { loadMs: number; diskBytes: number | undefined }): Promise<LoadReply> {
    await this.options.pool.measure();
    slot.reservedBytes = 0;
    return { ok: true, action: load.request.action, loadMs, ...(diskBytes === undefined ? {} : { diskBytes }), residentBytes: slot.measuredBytes, artifacts: [...slot.artifacts], memory: this.options.pool.report() };
  }

  /** @throws ExtensionError when a stored model is not in the store */
  private async predictArtifactBytes(request: ParsedLoad, resident: Slot | undefined): Promise<number> {
    const { models, libraries, pipelines = [] }: Artifacts = request.artifacts;
    if (resident !== undefined) return missingPartsOf(resident).reduce((sum, name) => sum + (this.learntBytes.get(`part ${name}`) ?? 0), 0);
    const libraryBytes = libraries.map((name) => this.learntBytes.get(`library ${name}`) ?? assumedLibraryBytes);
    const modelBytes = await Promise.all(models.filter((model) => model.store !== undefined).map((model) => this.predictModelBytes(model)));
    const pipelineBytes = await Promise.all(pipelines.filter((pipeline) => pipeline.store !== undefined).map((pipeline) => this.predictPipelineBytes(pipeline)));
    // How large the archive's models are is known when it is unpacked; weights do not compress.
    const archiveBytes = [...models, ...pipelines].some((model) => model.path !== undefined) ? predictPlainResidentBytes((request.code?.code?.length ?? 0) * 0.75) : 0;
    return [...libraryBytes, ...modelBytes, ...pipelineBytes, archiveBytes].reduce((sum, bytes) => sum + bytes, 0);
  }

  private async predictPipelineBytes({ name, store: reference = name }: PipelineArtifact): Promise<number> {
    const { modelStore } = this.options;
    if (modelStore === undefined) throw new ExtensionError('artifact', `The pipeline "${name}" is to come from a model store, and this runtime has none (INSTAINFER_MODEL_STORE).`);
    try {
      // Read again each time: a load of gigabytes has the time, and the store may have grown.
      const { parts } = findPipeline(modelStore, await openStoreIfAny(modelStore, ModelStore.open), reference);
      return parts.reduce((sum, part) => sum + (this.learntBytes.get(`part ${name}/${part.name}`) ?? predictPartBytes(part, 'ahead')), 2 * assumedLibraryBytes);
    } catch (error) {
      throw new ExtensionError('artifact', describeError(error));
    }
  }

  private async predictModelBytes(model: ModelArtifact): Promise<number> {
    const { modelStore } = this.options;
    const reference = model.store ?? model.name;
    if (modelStore === undefined) throw new ExtensionError('artifact', `The model "${model.name}" is to come from a model store, and this runtime has none (INSTAINFER_MODEL_STORE).`);
    try {
      // Read again when a name is not known: the store may have grown.
      if (this.store === undefined || findModel(this.store.manifest, reference) === undefined) this.store = await ModelStore.open(modelStore);
      const entry = this.store.find(reference);
      return this.learntBytes.get(`model ${model.name}`) ?? predictResidentBytes(entry, 'ahead');
    } catch (error) {
      throw new ExtensionError('artifact', describeError(error));
    }
  }
}

/** Parts of pipelines that were given up, such as `stable-diffusion/unet`. */
function missingPartsOf(slot: Slot): string[] {
  return slot.artifacts.flatMap(({ name, parts = [] }) => parts.filter(({ resident }) => !resident).map((part) => `${name}/${part.name}`));
}

function archiveOf(request: ParsedLoad): ActionCode | undefined {
  const { code } = request;
  return typeof code?.code === 'string' && code.binary === true ? { main: code.main ?? 'main', code: code.code, binary: true } : undefined;
}

function abort(load: Load, why: NonNullable<Load['abortedBy']>): void {
  load.abortedBy ??= why;
  void load.slot?.kill();
}

const noProcess = (load: Load, reason: string): ExtensionError => new ExtensionError('unavailable', `No process could be started to load ${load.owner.actionKey}: ${reason}.`);

function throwIfAborted(load: Load): void {
  if (load.abortedBy !== undefined) throw abortedError(load);
}

function abortedError(load: Load): ExtensionError {
  const { deadlineMs = 0 } = load.request;
  return load.abortedBy === 'deadline'
    ? new ExtensionError('deadline', `Loading ${load.owner.actionKey} took longer than ${deadlineMs} ms and was given up.`)
    : new ExtensionError('cancelled', `Loading ${load.owner.actionKey} was given up: the container was needed, or the load was taken back.`);
}

/** Node.js takes a longer time for none at all. */
const longestTimerMs = 2 ** 31 - 1;

/** The deadline counts from the request on, time in the queue included. */
function withDeadline(load: Load): Promise<LoadReply> {
  const { deadlineMs } = load.request;
  if (deadlineMs === undefined) return load.done;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      abort(load, 'deadline');
      // A load that has begun answers when its process is gone; one in the queue has nothing to wait for.
      if (load.slot === undefined) reject(abortedError(load));
    }, Math.min(deadlineMs, longestTimerMs));
    load.done.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
