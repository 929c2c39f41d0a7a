// One pipeline of a slot and which of its networks are there: opens what is missing, at the same time as far as there are
// processors, gives single ones up, and knows what each costs.
import { availableParallelism } from 'node:os';
import { AppError } from '../../common/errors.ts';
import { corruptPipeline } from '../diffusion/corrupt-pipeline.ts';
import { DiffusionPipeline, type EncodePng } from '../diffusion/diffusion-pipeline.ts';
import { checkParts, type Parts } from '../diffusion/part-shapes.ts';
import { partNames, type Part, type PartName, type Tensors } from '../diffusion/part.ts';
import { readPipelineFolder, type PipelineFolder } from '../diffusion/pipeline-folder.ts';
import { PromptTokenizer } from '../diffusion/prompt-tokens.ts';
import type { OpenMode } from '../model-store/open-model.ts';
import { planPartOpening, predictPartBytes, type LocatedPart, type LocatedPipeline } from '../model-store/locate-pipeline.ts';
import type { LoadedArtifact } from '../protocol.ts';
import type { LoadClock } from './load-clock.ts';
import { PartWorker } from './part-worker.ts';
import { privateBytes } from './private-bytes.ts';

export interface PipelineLibraries {
  readonly tokenizers: typeof import('@huggingface/tokenizers');
  readonly encodePng: EncodePng;
}

export interface ResidentPipelineOptions {
  readonly name: string;
  readonly stored: LocatedPipeline;
  readonly libraries: PipelineLibraries;
  readonly clock: LoadClock;
  /** How a network is opened when a call waits for it. */
  readonly onPathMode: OpenMode;
  /** The container's memory. */
  readonly limitBytes: number;
  /** Empties the page cache of these files where loads are to be cold; no part of a load. */
  readonly evict: (files: readonly string[]) => Promise<void>;
}

interface PartState {
  readonly stored: LocatedPart;
  worker: PartWorker | undefined;
  loadMs: number;
  bytes: number;
  fileBytes: number;
}

export class ResidentPipeline {
  readonly pipeline: DiffusionPipeline;
  private readonly options: ResidentPipelineOptions;
  private readonly folder: PipelineFolder;
  private readonly states: ReadonlyMap<PartName, PartState>;
  private turn: Promise<unknown> = Promise.resolve();
  /** Networks whose first run is part of loading them: its memory stays. */
  private rehearsing: readonly PartState[] = [];

  private constructor(options: ResidentPipelineOptions, folder: PipelineFolder) {
    this.options = options;
    this.folder = folder;
    this.states = new Map(options.stored.parts.map((stored) => [stored.name, { stored, worker: undefined, loadMs: 0, bytes: 0, fileBytes: 0 }]));
    const { tokenizers, encodePng } = options.libraries;
    this.pipeline = new DiffusionPipeline({ folder, tokenizer: new PromptTokenizer(tokenizers, folder.tokenizer), encodePng, parts: () => this.openMissing(options.onPathMode) });
  }

  /** Reads what is small, and opens no network yet. @throws AppError PIPELINE_CORRUPT */
  static async prepare(options: ResidentPipelineOptions): Promise<ResidentPipeline> {
    return new ResidentPipeline(options, await readPipelineFolder(options.stored.folder));
  }

  /**
   * Opens every network that is not there. A load ahead of a call ends with the smallest picture there is, so that the first
   * real one finds weights paged in and kernels set up.
   * @throws AppError PIPELINE_CORRUPT, MODEL_CORRUPT, TOO_LITTLE_MEMORY
   */
  openMissing(mode: OpenMode): Promise<Parts> {
    return this.inTurn(async () => {
      const missing = [...this.states.values()].filter(({ worker }) => worker === undefined);
      await this.options.evict(missing.flatMap(({ stored }) => planPartOpening(stored, mode).files));
      if (missing.length > 0) await this.options.clock.during(() => this.openAll(missing, mode));
      if (mode === 'ahead' && missing.length > 0) await this.rehearse(missing);
      return this.parts;
    });
  }

  /** Gives networks up; resolves when their memory is back. Unknown names are passed over. */
  release(names: readonly string[]): Promise<void> {
    return this.inTurn(async () => {
      for (const state of this.states.values()) {
        if (state.worker === undefined || !names.includes(state.stored.name)) continue;
        const { worker } = state;
        state.worker = undefined;
        state.bytes = 0;
        await worker.close();
      }
    });
  }

  report(): LoadedArtifact {
    const parts = [...this.states].map(([name, { worker, loadMs, bytes, fileBytes }]) => ({ name, resident: worker !== undefined, loadMs, bytes, fileBytes }));
    const resident = parts.filter((part) => part.resident);
    return { name: this.options.name, kind: 'pipeline', loadMs: sum(resident.map(({ loadMs }) => loadMs)), bytes: sum(resident.map(({ bytes }) => bytes)), parts };
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async openAll(missing: readonly PartState[], mode: OpenMode): Promise<void> {
    this.requireMemory(missing, mode);
    const bytesBefore = privateBytes();
    const waiting = [...missing];
    const openNext = async (): Promise<void> => {
      for (let state = waiting.shift(); state !== undefined; state = waiting.shift()) await this.open(state, mode);
    };
    const outcomes = await Promise.allSettled(Array.from({ length: Math.min(waiting.length, availableParallelism()) }, openNext));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    const heldBytes = Math.max(0, privateBytes() - bytesBefore);
    const fileBytes = sum(missing.map((state) => state.fileBytes));
    // Opened at the same time: what each took cannot be told, but by its size.
    for (const state of missing) state.bytes = Math.round((heldBytes * state.fileBytes) / Math.max(1, fileBytes));
    try {
      if (failed !== undefined) throw failed.reason;
      checkParts(this.parts, this.folder.tokenizer.length);
    } catch (error) {
      await Promise.all(missing.map((state) => this.discard(state)));
      throw error;
    }
  }

  private async open(state: PartState, mode: OpenMode): Promise<void> {
    const { name } = state.stored;
    const opening = planPartOpening(state.stored, mode);
    const startedAt = performance.now();
    try {
      state.worker = await PartWorker.open(opening.file, opening.sessionOptions);
    } catch (cause) {
      throw corruptPipeline(`${name} of the pipeline ${this.options.name} cannot be opened: ${cause instanceof Error ? cause.message.split('\n')[0] : ''}`, cause);
    }
    state.loadMs = performance.now() - startedAt;
    state.fileBytes = opening.fileBytes;
  }

  private async discard(state: PartState): Promise<void> {
    const { worker } = state;
    state.worker = undefined;
    state.bytes = 0;
    await worker?.close();
  }

  /** Refuses what the container could never hold, before anything is read. */
  private requireMemory(missing: readonly PartState[], mode: OpenMode): void {
    const neededBytes = sum(missing.map(({ stored }) => predictPartBytes(stored, mode)));
    const freeBytes = this.options.limitBytes - privateBytes();
    if (neededBytes <= freeBytes) return;
    const names = missing.map(({ stored }) => stored.name).join(', ');
    throw new AppError('TOO_LITTLE_MEMORY', `Loading ${names} of the pipeline ${this.options.name} needs about ${neededBytes} bytes; ${freeBytes} of ${this.options.limitBytes} are free.`, 'Give the action more memory, or build the loading form: npm run models -- build');
  }

  private async rehearse(opened: readonly PartState[]): Promise<void> {
    const { sizeStep } = this.folder;
    const parts = this.parts;
    const rehearsed = new DiffusionPipeline({
      folder: this.folder,
      tokenizer: new PromptTokenizer(this.options.libraries.tokenizers, this.folder.tokenizer),
      encodePng: this.options.libraries.encodePng,
      parts: () => Promise.resolve(parts),
    });
    this.rehearsing = opened;
    try {
      await rehearsed.generate({ prompt: '', steps: 1, seed: 0, width: sizeStep, height: sizeStep, deadline: Infinity });
    } finally {
      this.rehearsing = [];
    }
  }

  private get parts(): Parts {
    return Object.fromEntries(partNames.map((name) => [name, this.part(name)])) as Record<PartName, Part>;
  }

  /** A network whose memory is watched while a load is rehearsed. */
  private part(name: PartName): Part {
    const state = this.states.get(name);
    const worker = state?.worker;
    if (state === undefined || worker === undefined) throw corruptPipeline(`${name} of the pipeline ${this.options.name} is not there`);
    const run = async (feeds: Tensors): Promise<Tensors> => {
      if (!this.rehearsing.includes(state)) return worker.run(feeds);
      const [bytesBefore, startedAt] = [privateBytes(), performance.now()];
      const tensors = await worker.run(feeds);
      state.bytes += Math.max(0, privateBytes() - bytesBefore);
      state.loadMs += performance.now() - startedAt;
      return tensors;
    };
    return { inputs: worker.inputs, outputs: worker.outputs, run };
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
