// Answers one question: what does loading a stored model cost, on the path of a call and ahead of time, against ONNX
// Runtime's default on the plain file? Every sample is a fresh ready slot; the three ways take turns.
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { isModelName } from '../actions/zoo/architectures/index.ts';
import { defaultStoreDirectory } from '../actions/zoo/default-directory.ts';
import type { SlotMeasurement } from '../actions/zoo/ready-slot-protocol.ts';
import { AppError } from '../common/errors.ts';
import { median } from '../common/statistics.ts';
import { currentFormKey, installedOrtVersion } from '../runtime/model-store/form-key.ts';
import { ModelStore } from '../runtime/model-store/model-store.ts';
import { openModes, sampleLoads, type LoadConditions, type LoadSamples } from './load-sample.ts';

interface Options extends LoadConditions {
  readonly directory: string;
  readonly only: readonly string[];
}

function parse(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      repeat: { type: 'string', default: '5' },
      cache: { type: 'string', default: 'warm' },
      'stock-spinning': { type: 'string', default: 'on' },
      small: { type: 'boolean', default: false },
    },
  });
  const repeats = Number(values.repeat);
  if (!Number.isInteger(repeats) || repeats < 1) throw new AppError('BAD_OPTION', `--repeat must be a whole number from 1, not ${values.repeat}.`, 'For example: --repeat 5');
  if (values.cache !== 'warm' && values.cache !== 'cold') throw new AppError('BAD_OPTION', `--cache is warm or cold, not ${values.cache}.`, 'For example: --cache cold');
  const stockSpinning = values['stock-spinning'];
  if (stockSpinning !== 'on' && stockSpinning !== 'off') throw new AppError('BAD_OPTION', `--stock-spinning is on or off, not ${stockSpinning}.`, 'For example: --stock-spinning off');
  const stranger = values.only.find((name) => !isModelName(name));
  if (stranger !== undefined) throw new AppError('BAD_OPTION', `There is no model ${stranger} in the zoo.`, 'See npm run models -- list');
  return { directory: path.resolve(values.dir ?? defaultStoreDirectory(values.small ? 'small' : 'full')), only: values.only, repeats, cache: values.cache, stockSpinning, steadyRuns: 12, steadyMs: 1000 };
}

type Pick = (measurement: SlotMeasurement) => number;
const loadMs: Pick = (measurement) => measurement.loadMs;
const loadAndFirstMs: Pick = (measurement) => measurement.loadMs + measurement.firstRunMs;
const loadedBytes: Pick = (measurement) => measurement.loadedPrivateBytes;
const ranBytes: Pick = (measurement) => measurement.privateBytes;
const steadyMs: Pick = (measurement) => measurement.steadyRunMs;
const fastestMs: Pick = (measurement) => measurement.fastestRunMs;
/** Less than a page of growth is none; a ratio to it would be noise. */
const atLeastOneMegabyte = (bytes: number): number => Math.max(bytes, 1e6);

interface Ratios {
  readonly load: number;
  readonly loadAndFirst: number;
  readonly loadedPrivate: number;
  readonly ranPrivate: number;
  readonly steady: number;
  readonly fastest: number;
}

/** How many times better than stock (steady: how many times slower, ahead of time). */
function ratiosOf({ stock, onPath, ahead }: LoadSamples): Ratios {
  const of = (samples: readonly SlotMeasurement[], pick: Pick): number => median(samples.map(pick));
  return {
    load: of(stock, loadMs) / of(onPath, loadMs),
    loadAndFirst: of(stock, loadAndFirstMs) / of(onPath, loadAndFirstMs),
    loadedPrivate: of(stock, loadedBytes) / atLeastOneMegabyte(of(onPath, loadedBytes)),
    ranPrivate: of(stock, ranBytes) / atLeastOneMegabyte(Math.max(of(onPath, ranBytes), of(ahead, ranBytes))),
    steady: of(ahead, steadyMs) / of(stock, steadyMs),
    fastest: Math.min(...ahead.map(fastestMs)) / Math.min(...stock.map(fastestMs)),
  };
}

function printMeasurements(results: ReadonlyMap<string, LoadSamples>): void {
  const table = new Table({ head: ['model', 'opened', 'load ms', '(min-max)', 'first run ms', 'steady ms', 'fastest ms', 'private MB loaded', 'after runs'], style: { head: [], border: [] } });
  for (const [name, samples] of results) {
    for (const mode of openModes) {
      const of = (pick: Pick): number => median(samples[mode].map(pick));
      const loads = samples[mode].map(loadMs);
      table.push([
        name,
        mode,
        of(loadMs).toFixed(1),
        `${Math.min(...loads).toFixed(1)}-${Math.max(...loads).toFixed(1)}`,
        of((measurement) => measurement.firstRunMs).toFixed(1),
        of(steadyMs).toFixed(1),
        Math.min(...samples[mode].map(fastestMs)).toFixed(1),
        (of(loadedBytes) / 1e6).toFixed(1),
        (of(ranBytes) / 1e6).toFixed(1),
      ]);
    }
  }
  console.log(table.toString());
}

function printRatios(results: ReadonlyMap<string, LoadSamples>): void {
  const all = [...results].map(([name, samples]) => ({ name, ...ratiosOf(samples) }));
  const columns = ['load', 'loadAndFirst', 'loadedPrivate', 'ranPrivate', 'steady', 'fastest'] as const;
  const table = new Table({
    head: ['stock / onPath', 'load', 'load + first run', 'private, loaded', 'private, after runs', 'ahead / stock: steady', 'fastest'],
    style: { head: [], border: [] },
  });
  const text = (column: keyof Ratios, value: number): string => (column === 'steady' || column === 'fastest' ? value.toFixed(3) : `${value.toFixed(1)}x`);
  for (const ratios of all) table.push([ratios.name, ...columns.map((column) => text(column, ratios[column]))]);
  table.push(['median', ...columns.map((column) => text(column, median(all.map((ratios) => ratios[column]))))]);
  console.log(table.toString());
}

function printMachine({ directory, repeats, cache, stockSpinning }: Options): void {
  const [cpu] = os.cpus();
  console.log(`${cpu?.model ?? 'unknown CPU'}, ${os.availableParallelism()} cores, ${Math.round(os.totalmem() / 1e9)} GB, ${os.type()} ${os.release()}`);
  console.log(`Node ${process.version}, onnxruntime-node ${installedOrtVersion()}, form key: ${currentFormKey()}`);
  console.log(`${directory}; ${repeats} fresh ready slots for each, taking turns, medians; page cache ${cache}; stock spins: ${stockSpinning}; private = growth of anonymous memory`);
}

/** The benchmark `load`: `--repeat N` (5), `--only NAME`, `--cache warm|cold`, `--stock-spinning on|off`, `--dir DIR`, `--small`. */
export async function run(args: string[]): Promise<void> {
  const options = parse(args);
  const store = await ModelStore.open(options.directory);
  const models = store.manifest.models.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  printMachine(options);
  const results = new Map<string, LoadSamples>();
  for (const model of models) {
    process.stderr.write(`${model.name} ...\n`);
    results.set(model.name, await sampleLoads(store, model, options));
  }
  printMeasurements(results);
  printRatios(results);
}
