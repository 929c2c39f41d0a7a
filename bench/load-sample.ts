// Loads stored models in fresh ready slots, the ways of opening taking turns.
import { measureInSlot } from '../actions/zoo/ready-slot.ts';
import type { SlotMeasurement } from '../actions/zoo/ready-slot-protocol.ts';
import { AppError } from '../common/errors.ts';
import type { StoredModel } from '../runtime/model-store/manifest.ts';
import type { ModelStore } from '../runtime/model-store/model-store.ts';
import { planOpening, quietOptions, type OpenMode } from '../runtime/model-store/open-model.ts';
import { evictFromPageCache, readIntoPageCache } from '../runtime/model-store/page-cache.ts';

export const openModes = ['stock', 'onPath', 'ahead'] as const satisfies readonly OpenMode[];
export type LoadSamples = Record<OpenMode, SlotMeasurement[]>;

export interface LoadConditions {
  readonly repeats: number;
  readonly cache: 'warm' | 'cold';
  /** `on` is ONNX Runtime's default; `off` shows what the form alone changes. */
  readonly stockSpinning: 'on' | 'off';
  /** Runs after the first one: so many at least, and for so long. */
  readonly steadyRuns: number;
  readonly steadyMs: number;
}

/** @throws AppError MODEL_MISSING when the store has no loading form for this machine */
export async function sampleLoads(store: ModelStore, model: StoredModel, conditions: LoadConditions): Promise<LoadSamples> {
  const samples: LoadSamples = { stock: [], onPath: [], ahead: [] };
  for (let repeat = 0; repeat < conditions.repeats; repeat++) {
    for (const mode of openModes) samples[mode].push(await sample(store, model, mode, conditions));
  }
  return samples;
}

async function sample(store: ModelStore, model: StoredModel, mode: OpenMode, { cache, stockSpinning, steadyRuns, steadyMs }: LoadConditions): Promise<SlotMeasurement> {
  const { file, sessionOptions: planned, files, fallbackReason } = planOpening(store, model, mode);
  const sessionOptions = mode === 'stock' && stockSpinning === 'off' ? quietOptions : planned;
  if (fallbackReason !== undefined) throw new AppError('MODEL_MISSING', `${model.name} cannot be measured: ${fallbackReason}.`, 'Build it: npm run models -- build');
  const paths = files.map((one) => store.pathOf(one));
  // The slot starts after this; pages read here are in the cache for the tenth of a second that it takes.
  await (cache === 'warm' ? readIntoPageCache(paths) : evictFromPageCache(paths));
  return measureInSlot({ file: store.pathOf(file), sessionOptions, sampleInputs: model.sampleInputs, steadyRuns, steadyMs });
}
