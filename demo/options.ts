// The settings of `npm run demo` and `npm run sim`: the table of flags, the rules that tie several of them together, and the
// compiled options in base units. It reads neither argv nor env by itself.
import { bytesPerMegabyte } from '../common/action-document.ts';
import { choiceOption, listOption, numberOption, parseOptions, switchOption, textOption } from '../common/config.ts';
import { AppError } from '../common/errors.ts';
import { defaultPreloaderConfig, type PreloaderConfig } from '../controller-plugin/core/config.ts';
import { prewarmPolicies, usualWeighing, type SchedulerConfig } from '../invoker-plugin/core/config.ts';
import { loadingForms } from '../lab/simulation/profile.ts';
import type { Arm } from './arms.ts';
import { shippedProfileFile, shippedTraceFile } from '../lab/shipped-files.ts';
import { arrivalModes, type ArrivalMode } from '../lab/traces/arrivals.ts';

/** Memory limit of every action of the demo, and so of its containers: 2048 MB, as in the paper. */
export const containerMemoryMb = 2048;

/** What `npm run image` builds. */
const defaultImage = 'instainfer/action-nodejs-instainfer:latest';

/** What the live demo and the simulation have in common. */
const replayTable = {
  policy: choiceOption({
    flag: 'policy',
    env: 'INSTAINFER_DEMO_POLICY',
    description: 'How containers are kept and shared: keep-alive only, stock stem cells, or stem cells and zygotes.',
    choices: prewarmPolicies,
    defaultValue: 'pagurus',
  }),
  preload: switchOption({
    flag: 'preload',
    env: 'INSTAINFER_DEMO_PRELOAD',
    description: 'Whether models and libraries are loaded into idle containers ahead of calls.',
    defaultValue: true,
  }),
  loading: choiceOption({
    flag: 'loading',
    env: 'INSTAINFER_DEMO_LOADING',
    description: 'How models are opened: as ONNX Runtime does by default, or in mapped form.',
    choices: loadingForms,
    defaultValue: 'mapped',
  }),
  compare: switchOption({
    flag: 'compare',
    env: 'INSTAINFER_DEMO_COMPARE',
    description: 'Runs the same arrivals through five arms, each adding one part, and shows what each part contributes.',
    defaultValue: false,
  }),
  arrivals: choiceOption({
    flag: 'arrivals',
    env: 'INSTAINFER_DEMO_ARRIVALS',
    description: "As many activations as the trace says, or as the original's script fires them (126 instead of 114).",
    choices: arrivalModes,
    defaultValue: 'exact',
  }),
  speed: numberOption({
    flag: 'speed',
    env: 'INSTAINFER_DEMO_SPEED',
    description: 'Replays the trace this many times as fast; keep-alive and latencies stay as they are.',
    valueName: 'N',
    min: 0.1,
    max: 1000,
    defaultValue: 1,
  }),
  memory: numberOption({
    flag: 'memory',
    env: 'INSTAINFER_DEMO_MEMORY',
    description: `Memory of the container pool in MB; a container has ${containerMemoryMb}, so by default four compete.`,
    valueName: 'MB',
    min: 1,
    max: 16_777_216,
    integer: true,
    defaultValue: 8192,
  }),
  keepAlive: numberOption({
    flag: 'keep-alive',
    env: 'INSTAINFER_DEMO_KEEP_ALIVE',
    description: 'Seconds that an idle container is kept for its own action.',
    valueName: 'S',
    min: 1,
    max: 86_400,
    defaultValue: 60,
  }),
  zygoteWindow: numberOption({
    flag: 'zygote-window',
    env: 'INSTAINFER_DEMO_ZYGOTE_WINDOW',
    description: 'Seconds that it is kept for any action after that, under pagurus.',
    valueName: 'S',
    min: 1,
    max: 86_400,
    defaultValue: 120,
  }),
  stemCells: numberOption({
    flag: 'stem-cells',
    env: 'INSTAINFER_DEMO_STEM_CELLS',
    description: 'Stem cells kept ready under stemcell and pagurus.',
    valueName: 'N',
    min: 0,
    max: 64,
    integer: true,
    defaultValue: 2,
  }),
  seed: numberOption({
    flag: 'seed',
    env: 'INSTAINFER_DEMO_SEED',
    description: 'Seed of the arrivals within each minute.',
    valueName: 'N',
    min: 0,
    max: 2 ** 32 - 1,
    integer: true,
    defaultValue: 1,
  }),
  trace: textOption({
    flag: 'trace',
    env: 'INSTAINFER_DEMO_TRACE',
    description: 'A file in the invocation schema of the Azure Functions Trace 2019 instead of the shipped one.',
    valueName: 'FILE',
  }),
  actions: listOption({
    flag: 'actions',
    env: 'INSTAINFER_DEMO_ACTIONS',
    description: 'The actions that the functions of the trace take in turn.',
    valueName: 'NAME,NAME',
  }),
  out: textOption({
    flag: 'out',
    env: 'INSTAINFER_DEMO_OUT',
    description: 'Folder for output.log, summary.json and journal.jsonl; the demo makes one under out/ by itself.',
    valueName: 'DIR',
  }),
};

/** Options of `npm run demo`. */
export const demoTable = {
  ...replayTable,
  cache: choiceOption({
    flag: 'cache',
    env: 'INSTAINFER_DEMO_CACHE',
    description: 'Whether model files are in the page cache when the replay begins.',
    choices: ['warm', 'cold'] as const,
    defaultValue: 'warm',
  }),
  bus: choiceOption({
    flag: 'bus',
    env: 'INSTAINFER_DEMO_BUS',
    description: 'Everything in one process, or invokers and planner as processes of their own over Kafka.',
    choices: ['memory', 'kafka'] as const,
    defaultValue: 'memory',
  }),
  invokers: numberOption({
    flag: 'invokers',
    env: 'INSTAINFER_DEMO_INVOKERS',
    description: 'Invoker processes with --bus kafka; each has a pool of --memory.',
    valueName: 'N',
    min: 1,
    max: 32,
    integer: true,
    defaultValue: 1,
  }),
  brokers: listOption({
    flag: 'brokers',
    env: 'INSTAINFER_DEMO_BROKERS',
    description: 'Kafka brokers with --bus kafka; by default the one that scripts/kafka up started.',
    valueName: 'HOST:PORT,…',
  }),
  small: switchOption({
    flag: 'small',
    env: 'INSTAINFER_DEMO_SMALL',
    description: 'Uses small variants of the models: quick to build and to run, and no measure of anything.',
    defaultValue: false,
  }),
  containers: choiceOption({
    flag: 'containers',
    env: 'INSTAINFER_DEMO_CONTAINERS',
    description: 'Whether a container is a process of this machine or one of its container engine.',
    choices: ['process', 'docker'] as const,
    defaultValue: 'process',
  }),
  image: textOption({
    flag: 'image',
    env: 'INSTAINFER_DEMO_IMAGE',
    description: 'The runtime image of `--containers docker`, as `npm run image` builds it by default.',
    valueName: 'NAME:TAG',
  }),
};

/** Options of `npm run sim`. */
export const simTable = {
  ...replayTable,
  profile: textOption({
    flag: 'profile',
    env: 'INSTAINFER_SIM_PROFILE',
    description: 'Measured latencies (profile.json of a live run) instead of the shipped ones.',
    valueName: 'FILE',
  }),
  against: textOption({
    flag: 'against',
    env: 'INSTAINFER_SIM_AGAINST',
    description: 'summary.json of a live run of the same options: says how many activations start otherwise; exit code 1 above 5 %.',
    valueName: 'FILE',
  }),
  json: switchOption({
    flag: 'json',
    env: 'INSTAINFER_SIM_JSON',
    description: 'Prints summary.json on standard output instead of the table.',
    defaultValue: false,
  }),
};

const flagsOfDemoOnly = {
  cache: 'A simulation takes its latencies from --profile: give one that was measured with that cache.',
  small: 'A simulation takes its latencies from --profile: give one that was measured with small models.',
  containers: 'A simulation takes its latencies from --profile: give one that was measured with such containers.',
  image: 'A simulation starts no containers.',
  bus: 'A simulation has one invoker and no bus.',
  invokers: 'A simulation has one invoker.',
  brokers: 'A simulation has no bus.',
};
const flagsOfSimOnly = {
  profile: 'The live demo measures its latencies; npm run sim takes a profile.',
  against: 'npm run sim holds a simulation against a live run.',
  json: 'The live demo writes summary.json into --out; npm run sim prints it.',
};

/** What a replay needs, in base units. */
export interface ReplayOptions {
  readonly arm: Arm;
  readonly compare: boolean;
  readonly arrivals: ArrivalMode;
  readonly speed: number;
  readonly poolMemoryBytes: number;
  readonly containerMemoryBytes: number;
  readonly keepAliveMs: number;
  readonly zygoteWindowMs: number;
  readonly stemCellCount: number;
  readonly seed: number;
  readonly traceFile: string;
  /** Absent: known functions by hash, others in turn. */
  readonly actions: readonly string[] | undefined;
  readonly outDir: string | undefined;
}
export interface DemoOptions extends ReplayOptions {
  readonly cache: 'warm' | 'cold';
  readonly small: boolean;
  readonly containers: 'process' | 'docker';
  readonly image: string;
  /** Invokers as processes of their own over Kafka; absent: everything in one process. */
  readonly kafka: { readonly invokers: number; readonly brokers: readonly string[] | undefined } | undefined;
}
export interface SimOptions extends ReplayOptions {
  readonly profileFile: string;
  /** summary.json of a live run to be held against. */
  readonly againstFile: string | undefined;
  readonly json: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Options of the live demo. Throws AppError BAD_OPTION or TOO_LITTLE_MEMORY. */
export function parseDemoOptions(argv: readonly string[], env: Env): DemoOptions {
  const { values, given } = parseOptions({ table: demoTable, argv, env, flagsOfOthers: flagsOfSimOnly });
  if (values.image !== undefined && values.containers === 'process') {
    throw new AppError('BAD_OPTION', '--image is of no use where containers are processes.', 'Add --containers docker, or leave out --image.');
  }
  const needsKafka = (['invokers', 'brokers'] as const).find((key) => given.has(key));
  if (values.bus === 'memory' && needsKafka !== undefined) {
    throw new AppError('BAD_OPTION', `--${needsKafka} needs invokers as processes of their own.`, 'Add --bus kafka.');
  }
  const kafka = values.bus === 'kafka' ? Object.freeze({ invokers: values.invokers, brokers: values.brokers }) : undefined;
  return Object.freeze({ ...compileReplay(values, given), cache: values.cache, small: values.small, kafka, containers: values.containers, image: values.image ?? defaultImage });
}

/** Options of the simulation. Throws AppError BAD_OPTION or TOO_LITTLE_MEMORY. */
export function parseSimOptions(argv: readonly string[], env: Env): SimOptions {
  const { values, given } = parseOptions({ table: simTable, argv, env, flagsOfOthers: flagsOfDemoOnly });
  const profileFile = values.profile ?? shippedProfileFile;
  return Object.freeze({ ...compileReplay(values, given), profileFile, againstFile: values.against, json: values.json });
}

type ReplayValues = ReturnType<typeof parseOptions<typeof replayTable>>['values'];

function compileReplay(values: ReplayValues, given: ReadonlySet<string>): ReplayOptions {
  refuseContradictions(values, given);
  return {
    arm: Object.freeze({ policy: values.policy, preload: values.preload, loading: values.loading }),
    compare: values.compare,
    arrivals: values.arrivals,
    speed: values.speed,
    poolMemoryBytes: values.memory * bytesPerMegabyte,
    containerMemoryBytes: containerMemoryMb * bytesPerMegabyte,
    keepAliveMs: values.keepAlive * 1000,
    zygoteWindowMs: values.zygoteWindow * 1000,
    stemCellCount: values.stemCells,
    seed: values.seed,
    traceFile: values.trace ?? shippedTraceFile,
    actions: values.actions,
    outDir: values.out,
  };
}

function refuseContradictions(values: ReplayValues, given: ReadonlySet<string>): void {
  if (values.memory < containerMemoryMb) {
    const message = `--memory is ${values.memory} MB, but one container of these actions needs ${containerMemoryMb} MB.`;
    throw new AppError('TOO_LITTLE_MEMORY', message, `Give --memory ${containerMemoryMb} or more.`);
  }
  const fixedByCompare = (['policy', 'preload', 'loading'] as const).find((key) => given.has(key));
  if (values.compare && fixedByCompare !== undefined) {
    const message = `--compare runs every arm by itself and takes no --${fixedByCompare}.`;
    throw new AppError('BAD_OPTION', message, `Leave out --compare or --${fixedByCompare}.`);
  }
  if (values.preload && values.loading === 'stock') {
    const message = '--preload on loads ahead in mapped form only, but --loading is stock.';
    throw new AppError('BAD_OPTION', message, 'Add --preload off, or leave --loading at mapped.');
  }
}

/** The scheduler's settings for one arm of a replay. */
export function schedulerConfigOf(options: ReplayOptions, arm: Arm): SchedulerConfig {
  return {
    poolMemoryBytes: options.poolMemoryBytes,
    prewarmPolicy: arm.policy,
    preload: arm.preload,
    keepAliveMs: options.keepAliveMs,
    zygoteWindowMs: options.zygoteWindowMs,
    stemCellCount: options.stemCellCount,
    stemCellMemoryBytes: options.containerMemoryBytes,
    maxConcurrentLoads: 1,
    ...usualWeighing,
    maxQueuedActivations: 1000,
  };
}

/** The pre-loader's settings of every replay: keep-alive is held equal between the arms, so the plans must not set it. */
export const replayPreloaderConfig: PreloaderConfig = Object.freeze({ ...defaultPreloaderConfig, planContainerWindows: false });
