// The command `npm run models`: parses its options, shows progress and decides the exit code. The work itself is in
// `build-zoo.ts`, `verify-store.ts`, `import-weights.ts` and `../provisioning/`.
import { parseArgs } from 'node:util';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import pc from 'picocolors';
import Table from 'cli-table3';
import { AppError, describeError } from '../../common/errors.ts';
import { readManifest, referenceOf } from '../../runtime/model-store/manifest.ts';
import type { ArchitectureSize } from './architectures/architecture.ts';
import { isModelName, isPipelineName, modelNames, partsOf, pipelineNames, type ModelName, type PipelineName } from './architectures/index.ts';
import { buildZoo, defaultSeed } from './build-zoo.ts';
import { defaultStoreDirectory } from './default-directory.ts';
import { megabytes, printProgressTo, seconds } from './print-progress.ts';
import { importWeights } from './import-weights.ts';
import { collectUnused } from '../provisioning/collect-unused.ts';
import { largestOnnxBytes, pullModels } from '../provisioning/pull-models.ts';
import { parseWantedModel, readRegistryList } from '../provisioning/registry-list.ts';
import { syncModels, type Round } from '../provisioning/sync-models.ts';
import { requireSound, verifyStore } from './verify-store.ts';

const usualUnusedDays = 30;
const millisecondsPerDay = 86_400_000;
const usualSchedule = '*/5 * * * *';

const usage = `Usage: npm run models -- COMMAND [OPTIONS]

  build                     build what the store lacks of the eight models
    --only NAME             only this one (may be given again), or a pipeline
    --small                 the same topologies with narrow layers, a few MB, for tests
    --seed N                seed of the random weights (default ${defaultSeed})
    --force                 build again what is there, imported weights included
  list                      what the store holds
  verify                    compare every file with its checksum
  import NAME FILE          take trained weights from a .safetensors file, of a pipeline into one network at a time:
                            ${pipelineNames.flatMap(partsOf).join(', ')}
  pull NAME[@VERSION] FROM  bring an ONNX file from https://, http://, s3://BUCKET/KEY or a path of this machine
    --sha256 HEX            its checksum; may be left out for a path
    --max-bytes N           the longest file that is taken (default ${largestOnnxBytes})
  pull --list FILE          bring what the store lacks of a list of models
  sync --list FILE          the same now and again and again, until it is stopped
    --schedule CRON         when (default '${usualSchedule}', every five minutes)
  gc                        delete the models that nobody has used for a while
    --unused-days N         for how long (default ${usualUnusedDays})
    --dry-run               say which, and delete nothing

  --json                    list, verify and gc print JSON
  --dir DIR                 the store (default $INSTAINFER_MODEL_STORE, or .cache/models in the project)
  --help                    this text

Models: ${modelNames.join(', ')}
Pipelines, built only when named (full size: 8 GB of disk, 10 GB of memory, minutes): ${pipelineNames.join(', ')}`;

interface Options {
  readonly directory: string;
  readonly size: ArchitectureSize;
  readonly seed: number;
  readonly only: readonly (ModelName | PipelineName)[] | undefined;
  readonly isForced: boolean;
  readonly list: string | undefined;
  readonly sha256: string | undefined;
  readonly maxBytes: number;
  readonly schedule: string;
  readonly unusedDays: number;
  readonly isDryRun: boolean;
  readonly isJson: boolean;
}

function toModelName(name: string): ModelName {
  if (isModelName(name)) return name;
  throw new AppError('BAD_OPTION', `There is no model ${name} in the zoo.`, `Choose from ${[...modelNames, ...pipelineNames].join(', ')}.`);
}

interface NumberRule {
  readonly flag: string;
  readonly usual: number;
  readonly isRight: (value: number) => boolean;
  /** Such as `a whole number`. */
  readonly wanted: string;
  readonly example: string;
}

const seedRule: NumberRule = { flag: '--seed', usual: defaultSeed, isRight: Number.isSafeInteger, wanted: 'a whole number', example: '1' };
const maxBytesRule: NumberRule = { flag: '--max-bytes', usual: largestOnnxBytes, isRight: (bytes) => Number.isSafeInteger(bytes) && bytes > 0, wanted: 'a whole number of bytes', example: '500000000' };
const unusedDaysRule: NumberRule = { flag: '--unused-days', usual: usualUnusedDays, isRight: (days) => Number.isFinite(days) && days >= 0, wanted: 'a number of days', example: '30' };

function toNumber(text: string | undefined, { flag, usual, isRight, wanted, example }: NumberRule): number {
  const value = Number(text ?? usual);
  if (isRight(value) && text !== '') return value;
  throw new AppError('BAD_OPTION', `${flag} must be ${wanted}, not ${text}.`, `For example: ${flag} ${example}`);
}

function parse(argv: readonly string[]): { positionals: string[]; options: Options; wantsHelp: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        only: { type: 'string', multiple: true },
        small: { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
        seed: { type: 'string' },
        dir: { type: 'string' },
        list: { type: 'string' },
        sha256: { type: 'string' },
        'max-bytes': { type: 'string' },
        schedule: { type: 'string', default: usualSchedule },
        'unused-days': { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const size = values.small ? 'small' : 'full';
    const directory = path.resolve(values.dir ?? defaultStoreDirectory(size));
    return { positionals, options: { directory, size, seed: toNumber(values.seed, seedRule), only: values.only?.map((name) => (isPipelineName(name) ? name : toModelName(name))), isForced: values.force, list: values.list, sha256: values.sha256, maxBytes: toNumber(values['max-bytes'], maxBytesRule), schedule: values.schedule, unusedDays: toNumber(values['unused-days'], unusedDaysRule), isDryRun: values['dry-run'], isJson: values.json }, wantsHelp: values.help };
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    throw new AppError('BAD_OPTION', thrown instanceof Error ? (thrown.message.split('. ')[0] ?? '') + '.' : String(thrown), 'See npm run models -- --help', { cause: thrown });
  }
}

async function build({ directory, size, seed, only, isForced }: Options, signal: AbortSignal): Promise<void> {
  const chosen = only === undefined ? {} : { models: only.filter((name) => !isPipelineName(name)), pipelines: only.filter(isPipelineName) };
  const result = await buildZoo({ directory, size, seed, ...chosen, isForced, signal, onProgress: printProgressTo(process.stderr) });
  console.log(`${result.built.length} built, ${result.skipped.length} there already, in ${seconds(result.tookMs)}: ${directory}`);
}

async function list({ directory, isJson }: Options): Promise<void> {
  const { models } = await readManifest(directory);
  if (isJson) {
    console.log(JSON.stringify({ directory, models }, null, 2));
    return;
  }
  const table = new Table({ head: ['model', 'parameters', 'plain', 'form', 'form bytes', 'load ms', 'ahead ms', 'weights'] });
  for (const model of models) {
    const { parameterCount, plain, externalData = [], form, origin } = model;
    const formBytes = form?.files.reduce((sum, file) => sum + file.bytes, 0);
    table.push([
      referenceOf(model),
      parameterCount.toLocaleString('en'),
      megabytes([plain, ...externalData].reduce((sum, file) => sum + file.bytes, 0)),
      form?.kind ?? '-',
      formBytes === undefined ? '-' : megabytes(formBytes),
      form?.measured.onPathLoadMs.toFixed(1) ?? '-',
      form?.measured.aheadLoadMs.toFixed(1) ?? '-',
      origin?.importedFrom ?? (origin?.seed === undefined ? '-' : `seed ${origin.seed}`),
    ]);
  }
  console.log(`${directory}\n${table.toString()}`);
}

async function verify({ directory, isJson }: Options): Promise<void> {
  const models = await verifyStore(directory, ({ name, files, bytes, problems, replaced }) => {
    if (isJson) return;
    console.log(`${name}: ${problems.length === 0 ? pc.green('sound') : pc.red('corrupt')} (${files} files, ${megabytes(bytes)})`);
    if (replaced.length > 0) console.log(`  a tokenizer of your own: ${replaced.join(', ')}`);
  });
  if (isJson) console.log(JSON.stringify({ directory, models }, null, 2));
  requireSound(models);
}

async function importModel({ directory, size }: Options, [name, file, ...rest]: readonly string[], signal: AbortSignal): Promise<void> {
  if (name === undefined || file === undefined || rest.length > 0) {
    throw new AppError('BAD_OPTION', 'import takes the name of a model and a .safetensors file.', 'For example: npm run models -- import resnet50 resnet50.safetensors');
  }
  if (isPipelineName(name)) {
    throw new AppError('BAD_OPTION', `${name} is a pipeline, and each of its networks has weights of its own.`, `Import them one after the other: ${partsOf(name).join(', ')}.`);
  }
  const print = printProgressTo(process.stderr);
  const startedMs = performance.now();
  const model = await importWeights({ directory, name: toModelName(name), size, file, signal, onProgress: (progress) => print({ kind: 'step', ...progress }) });
  print({ kind: 'built', model, tookMs: performance.now() - startedMs });
}

async function pull({ directory, size, list: listFile, sha256, maxBytes }: Options, [reference, url, ...rest]: readonly string[], signal: AbortSignal): Promise<void> {
  if (rest.length > 0 || (listFile === undefined) === (url === undefined) || (listFile !== undefined && reference !== undefined)) {
    throw new AppError('BAD_OPTION', 'pull takes a name and an address, or --list FILE.', 'For example: npm run models -- pull my-model https://example.org/model.onnx --sha256 HEX');
  }
  const [name, version] = reference?.split('@') ?? [];
  const models = listFile === undefined ? [parseWantedModel({ name, ...(version === undefined ? {} : { version }), url: toAddress(url ?? ''), ...(sha256 === undefined ? {} : { sha256 }) })] : await readRegistryList(listFile);
  const result = await pullModels({ directory, models, env: process.env, effort: effortOf(size), maxBytes, signal, onProgress: printProgressTo(process.stderr) });
  console.log(`${result.pulled} pulled, ${result.skipped} there already: ${directory}`);
}

/** A small store is for tests, which do not wait for measurements. */
const effortOf = (size: ArchitectureSize): 'measured' | 'quick' => (size === 'full' ? 'measured' : 'quick');

/** A path of this machine becomes an address as well. */
const toAddress = (text: string): string => (/^[a-z][a-z0-9+.-]+:/i.test(text) ? text : pathToFileURL(path.resolve(text)).href);

async function sync({ directory, size, list: listFile, maxBytes, schedule }: Options, rest: readonly string[], signal: AbortSignal): Promise<void> {
  if (listFile === undefined || rest.length > 0) throw new AppError('BAD_OPTION', 'sync takes --list FILE.', 'For example: npm run models -- sync --list models.json');
  const onRound = ({ pulled, skipped, failures }: Round): void => {
    console.log(`${new Date().toISOString()} ${pulled} pulled, ${skipped} there already, ${failures.length} failed: ${directory}`);
    for (const failure of failures) console.error(failure);
  };
  await syncModels({ directory, listFile, schedule, env: process.env, effort: effortOf(size), maxBytes, signal, onRound, onProgress: printProgressTo(process.stderr) });
}

async function collect({ directory, unusedDays, isDryRun, isJson }: Options, signal: AbortSignal): Promise<void> {
  // A store that is not there is an error here, not one to be made.
  await readManifest(directory);
  const { models, bytes, keptCount } = await collectUnused({ directory, unusedMs: unusedDays * millisecondsPerDay, now: Date.now(), isDryRun, signal, onWait: () => console.error('Another process writes to this store; waiting for it.') });
  if (isJson) {
    console.log(JSON.stringify({ directory, isDryRun, models, bytes, keptCount }, null, 2));
    return;
  }
  for (const { label, usedAt } of models) console.log(`${label}: last used ${new Date(usedAt).toISOString()}`);
  console.log(`${models.length} models ${isDryRun ? 'would go' : 'deleted'} (${megabytes(bytes)}), ${keptCount} kept: ${directory}`);
}

async function run(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const { positionals, options, wantsHelp } = parse(argv);
  const [command, ...rest] = positionals;
  if (wantsHelp) return console.log(usage);
  switch (command) {
    case 'build':
      return build(options, signal);
    case 'list':
      return list(options);
    case 'verify':
      return verify(options);
    case 'import':
      return importModel(options, rest, signal);
    case 'pull':
      return pull(options, rest, signal);
    case 'gc':
      return collect(options, signal);
    case 'sync':
      return sync(options, rest, signal);
    default:
      throw new AppError('BAD_OPTION', command === undefined ? 'A command is missing.' : `There is no command ${command}.`, 'See npm run models -- --help');
  }
}

/** Runs the command. @returns the exit code: 0, 1 when it failed, 130 when it was interrupted */
export async function runModelsCommand(argv: readonly string[]): Promise<number> {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  for (const signalName of ['SIGINT', 'SIGTERM'] as const) process.once(signalName, stop);
  try {
    await run(argv, stopped.signal);
    return 0;
  } catch (thrown) {
    if (stopped.signal.aborted) {
      console.error('\nStopped; nothing half-written is left. The same command goes on from here.');
      return 130;
    }
    console.error(`${process.stderr.isTTY ? '\n' : ''}${describeError(thrown)}`);
    return 1;
  } finally {
    for (const signalName of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signalName, stop);
  }
}
