// The pipelines of a slot by name: finds each where the action declares it, loads it once, and reports which of their
// networks are there. What only pipelines need is imported for the first one: it is 1.5 MB, which most slots never use.
import { createRequire } from 'node:module';
import path from 'node:path';
import type { DiffusionPipeline } from '../diffusion/diffusion-pipeline.ts';
import { ModelStore } from '../model-store/model-store.ts';
import { openStoreIfAny } from '../model-store/open-store.ts';
import type { OpenMode } from '../model-store/open-model.ts';
import type { LocatedPipeline } from '../model-store/locate-pipeline.ts';
import type { Artifacts, LoadedArtifact } from '../protocol.ts';
import type { LoadClock } from './load-clock.ts';
import type { SlotSettings } from './messages.ts';
import { MissingArtifactError } from './model-source.ts';
import type { PipelineLibraries, ResidentPipeline } from './resident-pipeline.ts';

const requireOfRuntime = createRequire(import.meta.url);

export class Pipelines {
  private readonly settings: SlotSettings;
  private readonly clock: LoadClock;
  private readonly evict: (name: string, files: readonly string[]) => Promise<void>;
  private readonly known = new Map<string, Promise<ResidentPipeline>>();
  private readonly prepared: ResidentPipeline[] = [];

  /** @param evict empties the page cache of a pipeline's files, where loads are to be cold */
  constructor(settings: SlotSettings, clock: LoadClock, evict: (name: string, files: readonly string[]) => Promise<void>) {
    this.settings = settings;
    this.clock = clock;
    this.evict = evict;
  }

  /** The pipeline with all of its networks; those that are not there are opened now. */
  async get(name: string, artifacts: Artifacts, actionDir: string, mode: OpenMode): Promise<DiffusionPipeline> {
    const resident = await this.clock.during(() => this.prepare(name, artifacts, actionDir));
    await resident.openMissing(mode);
    return resident.pipeline;
  }

  /** @param parts as `pipeline/part` */
  async release(parts: readonly string[]): Promise<void> {
    for (const [name, preparing] of this.known) {
      const wanted = parts.filter((part) => part.startsWith(`${name}/`)).map((part) => part.slice(name.length + 1));
      if (wanted.length > 0) await (await preparing).release(wanted);
    }
  }

  report(): LoadedArtifact[] {
    return this.prepared.map((pipeline) => pipeline.report());
  }

  private prepare(name: string, artifacts: Artifacts, actionDir: string): Promise<ResidentPipeline> {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const preparing = this.prepareNew(name, artifacts, actionDir);
    this.known.set(name, preparing);
    preparing.then(
      (pipeline) => this.prepared.push(pipeline),
      () => this.known.delete(name),
    );
    return preparing;
  }

  private async prepareNew(name: string, artifacts: Artifacts, actionDir: string): Promise<ResidentPipeline> {
    const stored = await this.find(name, artifacts, actionDir);
    const { limitBytes, loading } = this.settings;
    const { ResidentPipeline: residents } = await import('./resident-pipeline.ts');
    return residents.prepare({ name, stored, libraries: await loadLibraries(), clock: this.clock, limitBytes, evict: (files) => this.evict(name, files), onPathMode: loading === 'stock' ? 'stock' : 'onPath' });
  }

  private async find(name: string, artifacts: Artifacts, actionDir: string): Promise<LocatedPipeline> {
    const { findPipeline, pipelineIn } = await import('../model-store/locate-pipeline.ts');
    const declared = artifacts.pipelines?.find((pipeline) => pipeline.name === name);
    if (declared?.path !== undefined) {
      const folder = path.resolve(actionDir, declared.path);
      if (!folder.startsWith(actionDir + path.sep)) throw new MissingArtifactError(`The pipeline "${name}" is declared as "${declared.path}", which is not in the action's archive.`);
      return pipelineIn(folder);
    }
    const { modelStore } = this.settings;
    if (modelStore === undefined) throw new MissingArtifactError(`There is no pipeline "${name}": the action's archive declares no folder for it, and this runtime has no model store (INSTAINFER_MODEL_STORE).`);
    return findPipeline(modelStore, await openStoreIfAny(modelStore, ModelStore.openTrusted), declared?.store ?? name);
  }
}

async function loadLibraries(): Promise<PipelineLibraries> {
  const tokenizers = await import('@huggingface/tokenizers');
  const { encoderOf } = await import('../diffusion/png-encoder.ts');
  return { tokenizers, encodePng: encoderOf(requireOfRuntime('sharp')) };
}
