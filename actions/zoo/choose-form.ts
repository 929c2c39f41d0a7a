// Chooses a model's loading form by measurement: makes the candidates, loads and runs each in fresh ready slots beside
// the plain file, and keeps what loads fastest and what runs at full speed. Recording the choice is the builder's work.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { LoadingForm, SampleInput } from '../../runtime/model-store/manifest.ts';
import { readIntoPageCache } from '../../runtime/model-store/page-cache.ts';
import { formKinds, makeCandidate, openingOptions, type Candidate, type FormKind, type SessionOptions } from './form-candidates.ts';
import { median } from '../../common/statistics.ts';
import { measureInSlot } from './ready-slot.ts';
import type { SlotMeasurement } from './ready-slot-protocol.ts';

/** Blobs that save less processor time than 3 % of a run are not worth up to 1.8 times the disk. */
const blobsRatio = 0.97;

/**
 * ORT format must answer a tenth faster than external data: it loads a few milliseconds faster, but ran 1-10 % slower
 * in most measurements on a quiet machine, a difference that a busy machine hides.
 */
const ortFormatRatio = 0.9;

/** Largest difference between an output of a form and of the plain file, absolute and relative. */
export const outputTolerance = 1e-3;

export interface Measured {
  readonly loadMs: number;
  readonly firstRunMs: number;
  readonly steadyRunMs: number;
  readonly fastestRunMs: number;
  /** Processor time over all threads, the least of all samples: what choices are made by, for other processes on a busy machine do not add to it. */
  readonly leastLoadCpuMs: number;
  readonly leastRunCpuMs: number;
  readonly privateBytes: number;
}

/** One way to open one file, and what it was measured to cost. */
export interface MeasuredOpening extends Measured {
  readonly form: FormKind | 'plain';
  readonly packing: 'packed' | 'unpacked';
}

interface Subject {
  readonly form: FormKind | 'plain';
  readonly packing: 'packed' | 'unpacked';
  readonly file: string;
  readonly files: readonly string[];
  readonly sessionOptions: SessionOptions;
}

export interface ChooseFormOptions {
  readonly plainFile: string;
  /**
   * Whether the model multiplies matrices of many rows, as transformers do: only there pre-packed weights pay. (Saved
   * blobs of small convolutional networks have also been seen to crash ONNX Runtime 1.30.)
   */
  readonly hasMatrixProducts: boolean;
  readonly sampleInputs: Readonly<Record<string, SampleInput>>;
  /** A folder for the candidates; the chosen one is left in it, in a folder of its own. */
  readonly directory: string;
  /** `measured` tries every candidate; `quick` takes the usual one, for tests. */
  readonly effort: 'measured' | 'quick';
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (step: string) => void;
}

export interface ChosenForm {
  readonly candidate: Candidate;
  readonly onPath: SessionOptions;
  readonly ahead: SessionOptions;
  readonly measured: LoadingForm['measured'];
  /** Everything that was measured, the plain file first. */
  readonly openings: readonly MeasuredOpening[];
}

/** Rounds of samples of each form: as many as fit the budget, for the eight must be built in three minutes. */
const maxRounds = { measured: 4, quick: 1 } as const;
const roundsBudgetMs = 6000;

function plainSubject(file: string): Subject {
  return { form: 'plain', packing: 'packed', file, files: [file], sessionOptions: {} };
}

function subjectOf(candidate: Candidate, packing: 'packed' | 'unpacked'): Subject {
  const { kind, file, files } = candidate;
  return { form: kind, packing, file, files, sessionOptions: openingOptions(kind, packing) };
}

function summarise(samples: readonly SlotMeasurement[]): Measured {
  const of = (pick: (sample: SlotMeasurement) => number): number => Number(median(samples.map(pick)).toFixed(2));
  const least = (pick: (sample: SlotMeasurement) => number): number => Number(Math.min(...samples.map(pick)).toFixed(2));
  return {
    loadMs: of((sample) => sample.loadMs),
    firstRunMs: of((sample) => sample.firstRunMs),
    steadyRunMs: of((sample) => sample.steadyRunMs),
    fastestRunMs: least((sample) => sample.fastestRunMs),
    leastLoadCpuMs: least((sample) => sample.loadCpuMs),
    leastRunCpuMs: least((sample) => sample.leastRunCpuMs),
    privateBytes: Math.max(0, ...samples.map((sample) => sample.privateBytes)),
  };
}

/** Whether two runs computed the same, up to the tolerance for sums taken in another order. */
export function outputsAgree(expected: SlotMeasurement['outputs'], actual: SlotMeasurement['outputs']): boolean {
  return Object.entries(expected).every(([name, values]) => {
    const others = actual[name];
    return others?.length === values.length && values.every((value, index) => Math.abs(value - (others[index] ?? NaN)) <= outputTolerance * (1 + Math.abs(value)));
  });
}

class Trial {
  readonly #options: ChooseFormOptions;
  readonly openings: MeasuredOpening[] = [];
  readonly failures: string[] = [];
  #expected: SlotMeasurement['outputs'] | undefined;

  constructor(options: ChooseFormOptions) {
    this.#options = options;
  }

  /**
   * Measures the subjects turn by turn, so that a slow moment of the machine hits all alike. A form that fails or
   * computes something else has no result; the plain file must not fail.
   */
  async measure(subjects: readonly Subject[]): Promise<(MeasuredOpening | undefined)[]> {
    const samples = new Map<Subject, SlotMeasurement[]>(subjects.map((subject) => [subject, []]));
    const sinceMs = performance.now();
    for (let round = 0; round < maxRounds[this.#options.effort] && (round === 0 || performance.now() - sinceMs < roundsBudgetMs); round++) {
      for (const [subject, taken] of samples) {
        try {
          taken.push(await this.#sample(subject));
        } catch (thrown) {
          if (subject.form === 'plain' || this.#options.signal?.aborted === true) throw thrown;
          this.failures.push(`${subject.form}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
          samples.delete(subject);
        }
      }
    }
    return subjects.map((subject) => {
      const taken = samples.get(subject);
      if (taken === undefined) return undefined;
      const opening = { form: subject.form, packing: subject.packing, ...summarise(taken) };
      this.openings.push(opening);
      return opening;
    });
  }

  async #sample({ form, packing, file, files, sessionOptions }: Subject): Promise<SlotMeasurement> {
    const { sampleInputs, signal, onStep } = this.#options;
    onStep?.(`measuring ${form}${form === 'plain' ? '' : `, ${packing}`}`);
    await readIntoPageCache(files);
    const measurement = await measureInSlot({ file, sessionOptions, sampleInputs, steadyRuns: 6, steadyMs: 300 }, signal);
    this.#expected ??= measurement.outputs;
    if (!outputsAgree(this.#expected, measurement.outputs)) throw new Error('it does not compute what the plain file computes');
    return measurement;
  }
}

function chosen(candidate: Candidate, onPath: MeasuredOpening, ahead: MeasuredOpening, openings: readonly MeasuredOpening[]): ChosenForm {
  return {
    candidate,
    onPath: openingOptions(candidate.kind, onPath.packing),
    ahead: openingOptions(candidate.kind, ahead.packing),
    measured: {
      onPathLoadMs: onPath.loadMs,
      aheadLoadMs: ahead.loadMs,
      firstRunMs: onPath.firstRunMs,
      steadyRunMs: ahead.steadyRunMs,
      privateBytes: Math.max(onPath.privateBytes, ahead.privateBytes),
    },
    openings,
  };
}

/** Load and one run with everything set up: what a call costs, less the page faults that all forms have alike. */
const costOfAnswerMs = (opening: Measured): number => opening.leastLoadCpuMs + opening.leastRunCpuMs;

/** The folder of a trial's candidates: makes and deletes them. */
class Workshop {
  readonly #options: ChooseFormOptions;

  constructor(options: ChooseFormOptions) {
    this.#options = options;
  }

  async make(kind: FormKind, source: string, isOptimised: boolean): Promise<Candidate> {
    const { directory, signal, onStep } = this.#options;
    onStep?.(`saving ${kind}`);
    return makeCandidate({ kind, source, isOptimised, directory: path.join(directory, kind), signal });
  }

  /** Deletes all candidates but one: disk is short while large models are built. */
  async keepOnly(kept: Candidate): Promise<void> {
    const others = formKinds.filter((kind) => kind !== kept.kind);
    await Promise.all(others.map((kind) => rm(path.join(this.#options.directory, kind), { recursive: true, force: true })));
  }
}

interface Contender {
  readonly candidate: Candidate;
  readonly opening: MeasuredOpening;
}

/** The unpacked candidate that answers first; ORT format must be clearly faster, for it cannot carry blobs. */
function bestUnpacked(external: Contender | undefined, ortFormat: Contender | undefined, trial: Trial): Contender {
  if (external === undefined && ortFormat === undefined) throw new Error(`No loading form works (${trial.failures.join('; ')}).`);
  if (external === undefined) return ortFormat as Contender;
  if (ortFormat === undefined) return external;
  return costOfAnswerMs(ortFormat.opening) < costOfAnswerMs(external.opening) * ortFormatRatio ? ortFormat : external;
}

async function chooseQuickly(options: ChooseFormOptions): Promise<ChosenForm> {
  const trial = new Trial(options);
  const kind = options.hasMatrixProducts ? 'external-data-prepacked' : 'external-data';
  const candidate = await new Workshop(options).make(kind, options.plainFile, false);
  const [, unpacked, packed] = await trial.measure([
    plainSubject(options.plainFile),
    subjectOf(candidate, 'unpacked'),
    ...(options.hasMatrixProducts ? [subjectOf(candidate, 'packed')] : []),
  ]);
  if (unpacked === undefined) throw new Error(`No loading form works (${trial.failures.join('; ')}).`);
  return chosen(candidate, unpacked, packed ?? unpacked, trial.openings);
}

/** Tries saved pre-packed blobs, which only external data can carry, against the best without. */
async function tryBlobs(workshop: Workshop, trial: Trial, external: Candidate, best: Contender): Promise<ChosenForm> {
  if (best.candidate === external) await workshop.keepOnly(external);
  const withBlobs = await workshop.make('external-data-prepacked', external.file, true);
  const [unpacked, packed] = await trial.measure([subjectOf(withBlobs, 'unpacked'), subjectOf(withBlobs, 'packed')]);
  if (unpacked !== undefined && packed !== undefined && packed.leastRunCpuMs < best.opening.leastRunCpuMs * blobsRatio) {
    await workshop.keepOnly(withBlobs);
    return chosen(withBlobs, unpacked, packed, trial.openings);
  }
  await workshop.keepOnly(best.candidate);
  return chosen(best.candidate, best.opening, best.opening, trial.openings);
}

/**
 * Makes, measures and chooses. Unpacked weights load fastest and, in convolutional networks, run at full speed, so one
 * opening serves both moments; where matrix products make them slow, saved pre-packed blobs are tried, and one file
 * with blobs serves both: unpacked on the path of a call, packed ahead of time.
 * @throws Error when the plain file does not run, or no form of it does.
 */
export async function chooseForm(options: ChooseFormOptions): Promise<ChosenForm> {
  if (options.effort === 'quick') return chooseQuickly(options);
  const trial = new Trial(options);
  const workshop = new Workshop(options);
  const external = await workshop.make('external-data', options.plainFile, false);
  const ortFormat = await workshop.make('ort-format', external.file, true);
  const [, externalOpening, ortOpening] = await trial.measure([plainSubject(options.plainFile), subjectOf(external, 'unpacked'), subjectOf(ortFormat, 'unpacked')]);
  const best = bestUnpacked(
    externalOpening && { candidate: external, opening: externalOpening },
    ortOpening && { candidate: ortFormat, opening: ortOpening },
    trial,
  );
  if (options.hasMatrixProducts) return tryBlobs(workshop, trial, external, best);
  await workshop.keepOnly(best.candidate);
  return chosen(best.candidate, best.opening, best.opening, trial.openings);
}
