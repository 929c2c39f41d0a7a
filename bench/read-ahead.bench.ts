// Answers one question: what does a load save whose files were read ahead, against one that finds them on the disk and one that
// finds them in the page cache? Every sample is a fresh ready slot; the three states take turns.
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { defaultStoreDirectory } from '../actions/zoo/default-directory.ts';
import { measureInSlot } from '../actions/zoo/ready-slot.ts';
import { AppError } from '../common/errors.ts';
import { median } from '../common/statistics.ts';
import { FileReader } from '../runtime/model-store/file-reader.ts';
import { fileIdOf } from '../runtime/model-store/load-estimate.ts';
import type { StoredModel } from '../runtime/model-store/manifest.ts';
import { ModelStore } from '../runtime/model-store/model-store.ts';
import { planOpening } from '../runtime/model-store/open-model.ts';
import { evictFromPageCache, readIntoPageCache } from '../runtime/model-store/page-cache.ts';

const states = ['cold', 'read ahead', 'warm'] as const;
type State = (typeof states)[number];

/** Of one load and its first run, in ms, and of the reading ahead of it. */
interface Sample {
  readonly loadMs: number;
  readonly readingCpuMs: number;
  readonly readingDiskBytes: number;
}

async function prepare(directory: string, files: StoredModel['plain'][], state: State, bytesPerSecond: number): Promise<Pick<Sample, 'readingCpuMs' | 'readingDiskBytes'>> {
  const paths = files.map((file) => path.join(directory, file.path));
  if (state === 'warm') {
    await readIntoPageCache(paths);
    return { readingCpuMs: 0, readingDiskBytes: 0 };
  }
  await evictFromPageCache(paths);
  if (state === 'cold') return { readingCpuMs: 0, readingDiskBytes: 0 };
  const before = process.cpuUsage();
  const { diskBytes = 0 } = await new FileReader(directory).read(files.map(fileIdOf), bytesPerSecond, new AbortController().signal);
  const { user, system } = process.cpuUsage(before);
  return { readingCpuMs: (user + system) / 1000, readingDiskBytes: diskBytes };
}

async function sample(store: ModelStore, model: StoredModel, state: State, bytesPerSecond: number): Promise<Sample> {
  const { file, sessionOptions, files } = planOpening(store, model, 'onPath');
  const reading = await prepare(store.directory, [...files], state, bytesPerSecond);
  const { loadMs, firstRunMs } = await measureInSlot({ file: store.pathOf(file), sessionOptions, sampleInputs: model.sampleInputs, steadyRuns: 3, steadyMs: 0 });
  return { loadMs: loadMs + firstRunMs, ...reading };
}

/** The benchmark `read-ahead`: `--repeat N` (5), `--only NAME`, `--dir DIR`, `--mb-per-second N` (100). */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { dir: { type: 'string' }, only: { type: 'string', multiple: true, default: [] }, repeat: { type: 'string', default: '5' }, 'mb-per-second': { type: 'string', default: '100' } },
  });
  const [repeats, rate] = [Number(values.repeat), Number(values['mb-per-second'])];
  if (!Number.isInteger(repeats) || repeats < 1) throw new AppError('BAD_OPTION', `--repeat must be a whole number from 1, not ${values.repeat}.`, 'For example: --repeat 5');
  if (!(rate > 0)) throw new AppError('BAD_OPTION', `--mb-per-second must be a number above 0, not ${values['mb-per-second']}.`, 'For example: --mb-per-second 100');
  const store = await ModelStore.open(path.resolve(values.dir ?? defaultStoreDirectory('full')));
  const models = store.manifest.models.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
  console.log(`${store.directory}; ${repeats} fresh ready slots for each, taking turns, medians; load and first run, as a call waits for them; read ahead at ${rate} MB/s`);
  const head = ['model', 'MB', ...states.map((state) => `${state} ms`), 'cold / read ahead', 'read ahead / warm', 'reading: MB from disk', 'processor ms'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const model of models) {
    process.stderr.write(`${model.name} ...\n`);
    const samples: Record<State, Sample[]> = { cold: [], 'read ahead': [], warm: [] };
    for (let repeat = 0; repeat < repeats; repeat += 1) for (const state of states) samples[state].push(await sample(store, model, state, rate * 1e6));
    const of = (state: State, pick: (one: Sample) => number): number => median(samples[state].map(pick));
    const [cold, ahead, warm] = [of('cold', ({ loadMs }) => loadMs), of('read ahead', ({ loadMs }) => loadMs), of('warm', ({ loadMs }) => loadMs)];
    const bytes = planOpening(store, model, 'onPath').files.reduce((sum, file) => sum + file.bytes, 0);
    const reading = [of('read ahead', ({ readingDiskBytes }) => readingDiskBytes) / 1e6, of('read ahead', ({ readingCpuMs }) => readingCpuMs)];
    table.push([model.name, Math.round(bytes / 1e6), ...[cold, ahead, warm].map((ms) => ms.toFixed(0)), `${(cold / ahead).toFixed(2)}x`, `${(ahead / warm).toFixed(2)}x`, ...reading.map((figure) => figure.toFixed(0))]);
  }
  console.log(table.toString());
}
