// A data set of the contest: applications (metas) and their requests, as JSON objects, one a line or in an array.
import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { AppError } from '../../common/errors.ts';
import { createRandom } from '../../common/random.ts';
import { topLevelObjects } from '../../lab/traces/json-objects.ts';
import { badTrace, refuseUnreadable } from '../../lab/traces/trace-file.ts';
import { arrivalProcess, type ArrivalClass } from '../../lab/traces/arrival-processes.ts';

const metaSchema = z.object({
  key: z.string().min(1),
  runtime: z.string().default(''),
  memoryInMb: z.number().int().positive(),
  timeoutInSecs: z.number().int().nonnegative().default(0),
  initDurationInMs: z.number().nonnegative(),
});
const requestSchema = z.object({
  startTime: z.number().nonnegative(),
  metaKey: z.string().min(1),
  durationsInMs: z.number().nonnegative(),
});

export interface ReplayApplication {
  readonly key: string;
  readonly runtime: string;
  readonly memoryMegabytes: number;
  readonly timeoutSeconds: number;
  readonly initMs: number;
}
export interface ReplayRequest {
  /** Milliseconds from the first request. */
  readonly atMs: number;
  readonly key: string;
  readonly durationMs: number;
}
export interface Dataset {
  readonly title: string;
  readonly applications: ReadonlyMap<string, ReplayApplication>;
  /** In order of time. */
  readonly requests: readonly ReplayRequest[];
}

const mostRows = 5_000_000;

/** @throws AppError BAD_TRACE naming the file and the object that cannot be read */
export async function readDataset(files: { readonly metas: string; readonly requests: string }): Promise<Dataset> {
  const applications = new Map<string, ReplayApplication>();
  for await (const meta of objectsOf(files.metas, metaSchema)) {
    applications.set(meta.key, { key: meta.key, runtime: meta.runtime, memoryMegabytes: meta.memoryInMb, timeoutSeconds: meta.timeoutInSecs, initMs: meta.initDurationInMs });
  }
  const requests: ReplayRequest[] = [];
  for await (const { startTime, metaKey, durationsInMs } of objectsOf(files.requests, requestSchema)) {
    if (!applications.has(metaKey)) throw badTrace(files.requests, '', `request ${requests.length + 1} is of '${metaKey}', which is not in ${files.metas}`, 'Give the two files of one data set.');
    requests.push({ atMs: startTime, key: metaKey, durationMs: durationsInMs });
  }
  requests.sort((left, right) => left.atMs - right.atMs);
  const beginsAt = requests[0]?.atMs ?? 0;
  return { title: files.requests, applications, requests: requests.map((request) => ({ ...request, atMs: request.atMs - beginsAt })) };
}

async function* objectsOf<T>(file: string, schema: z.ZodType<T>): AsyncGenerator<T> {
  await refuseUnreadable(file);
  let count = 0;
  for await (const text of topLevelObjects(createReadStream(file, { encoding: 'utf8' }))) {
    count += 1;
    if (count > mostRows) throw badTrace(file, '', `more than ${mostRows} objects`, 'Cut it to a shorter time.');
    yield parsed(text, schema, `object ${count}`, file);
  }
  if (count === 0) throw badTrace(file, '', 'there is no JSON object in it', 'Give a file of the data set, one JSON object a line.');
}

function parsed<T>(text: string, schema: z.ZodType<T>, which: string, file: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('BAD_TRACE', `${file}: ${which} is no JSON.`, 'Give a file of the data set, one JSON object a line.', { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw badTrace(file, '', `${which}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is wrong'}`, 'Give a file of the data set as the contest has it.');
}

/** What one class of applications of the made data set is like; sizes and times as orders of magnitude of public cloud functions. */
const kinds: readonly { readonly arrivalClass: ArrivalClass; readonly meanGapMs: number; readonly durationMs: number; readonly initMs: number; readonly memoryMegabytes: number }[] = [
  { arrivalClass: 'poisson', meanGapMs: 4_000, durationMs: 400, initMs: 800, memoryMegabytes: 512 },
  { arrivalClass: 'bursty', meanGapMs: 20_000, durationMs: 300, initMs: 1_500, memoryMegabytes: 1024 },
  { arrivalClass: 'periodic', meanGapMs: 60_000, durationMs: 1_000, initMs: 2_000, memoryMegabytes: 512 },
  { arrivalClass: 'periodic', meanGapMs: 600_000, durationMs: 5_000, initMs: 4_000, memoryMegabytes: 2048 },
  { arrivalClass: 'flash', meanGapMs: 10_000, durationMs: 250, initMs: 600, memoryMegabytes: 256 },
];

/** A made data set: `copies` applications of each kind; lengths of runs are exponential around the kind's. */
export function syntheticDataset(input: { readonly minutes: number; readonly copies: number; readonly seed: number }): Dataset {
  const durationMs = input.minutes * 60_000;
  const applications = new Map<string, ReplayApplication>();
  const requests: ReplayRequest[] = [];
  for (const [index, kind] of kinds.entries()) {
    for (let copy = 1; copy <= input.copies; copy += 1) {
      const key = `${kind.arrivalClass}-${index + 1}-${copy}`;
      applications.set(key, { key, runtime: 'nodejs', memoryMegabytes: kind.memoryMegabytes, timeoutSeconds: 60, initMs: kind.initMs });
      const random = createRandom(input.seed, key);
      const next = arrivalProcess(kind.arrivalClass, { ratePerMs: 1 / kind.meanGapMs, durationMs, random });
      for (let atMs = next(0); atMs < durationMs; atMs = next(atMs)) requests.push({ atMs, key, durationMs: random.exponential(kind.durationMs) });
    }
  }
  requests.sort((left, right) => left.atMs - right.atMs);
  return { title: `made: ${applications.size} applications, ${input.minutes} min, seed ${input.seed}`, applications, requests };
}
