// What does one invoker sustain over Kafka? An echo action in containers of its own, a real broker, and under it the floor:
// a process that only reads and acknowledges, with plain kafkajs, in the same run.
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { bytesPerMegabyte, type ActionDocument } from '../common/action-document.ts';
import { actionKeyOf } from '../common/action-identity.ts';
import { KafkaBus } from '../common/bus/kafka-bus.ts';
import { AppError } from '../common/errors.ts';
import { createLogger } from '../common/logger.ts';
import { openWhiskTopicSettings } from '../common/messages/topics.ts';
import { PartProcess } from '../demo/kafka/part-process.ts';
import { usualWeighing, type SchedulerConfig } from '../invoker-plugin/core/config.ts';
import { readRunningBroker } from '../scripts/kafka-broker/state.ts';
import { processorMsOf } from './processor-time.ts';
import { KafkaLoad, type LoadFigures, type LoadPlan } from './kafka-load.ts';

const usage = `usage: npm run bench -- kafka [options]
  --rate N         activations a second (default 500)
  --seconds S      length of each case (default 10)
  --containers N   containers of the action (default 4)
  --logs MB        log limit of the action; 0 sends one acknowledgement where 10, OpenWhisk's default, sends two (default 10)
  --brokers LIST   host:port,… (default: the broker of scripts/kafka up)
`;

const containerMegabytes = 256;
const invoker = 0;

interface Settings {
  readonly perSecond: number;
  readonly seconds: number;
  readonly containers: number;
  readonly logsMegabytes: number;
  readonly brokers: readonly string[];
}

/** Runs the benchmark and prints its table. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rate: { type: 'string', default: '500' },
      seconds: { type: 'string', default: '10' },
      containers: { type: 'string', default: '4' },
      logs: { type: 'string', default: '10' },
      brokers: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const brokers = (values.brokers ?? readRunningBroker()?.address)?.split(',');
  if (brokers === undefined) throw new AppError('BROKER_UNAVAILABLE', 'No Kafka broker is up.', 'Run scripts/kafka up, or name one with --brokers HOST:PORT.');
  const settings: Settings = { perSecond: Number(values.rate), seconds: Number(values.seconds), containers: Number(values.containers), logsMegabytes: Number(values.logs), brokers };
  const floor = await measureFloor(settings);
  const ours = await measureInvoker(settings);
  process.stdout.write(`${report(settings, floor, ours)}\n`);
}

interface Case {
  readonly name: string;
  readonly plan: LoadPlan;
}

interface Measured extends LoadFigures {
  readonly name: string;
  /** Processor time of one activation, in ms: in the process under test, in its containers, in the broker. */
  readonly ownMs: number;
  readonly containersMs: number;
  readonly brokerMs: number | undefined;
}

function casesOf({ perSecond, seconds, containers }: Settings): Case[] {
  const count = perSecond * seconds;
  return [
    { name: 'non-blocking', plan: { blocking: false, count, pace: { perSecond } } },
    { name: 'blocking', plan: { blocking: true, count, pace: { perSecond } } },
    { name: `${4 * containers} under way`, plan: { blocking: false, count, pace: { underWay: 4 * containers } } },
  ];
}

const echo = (logsMegabytes: number): ActionDocument => ({
  actionKey: actionKeyOf('guest/echo', '0.0.1'),
  qualifiedName: 'guest/echo',
  version: '0.0.1',
  kind: 'nodejs:instainfer',
  main: 'main',
  code: 'function main(args) { return args; }',
  binary: false,
  limits: { memoryMegabytes: containerMegabytes, timeoutMs: 60_000, logsMegabytes, concurrency: 1 },
  annotations: {},
});

/** The broker of `scripts/kafka up`, where it is a process of this machine. */
function brokerPid(): number | undefined {
  const runs = readRunningBroker()?.runs;
  return runs !== undefined && 'pid' in runs ? runs.pid : undefined;
}

function processorUse(pid: number): { own: number; containers: number; broker: number } {
  const { own, descendants } = processorMsOf(pid);
  const broker = brokerPid();
  return { own, containers: descendants, broker: broker === undefined ? 0 : processorMsOf(broker).own };
}

/** Runs the cases against whatever process reads the invoker's topic; the first round warms it up and is not counted. */
async function measure(bus: KafkaBus, settings: Settings, pid: number): Promise<Measured[]> {
  const load = new KafkaLoad(bus, '0', invoker);
  await load.start();
  const action = echo(settings.logsMegabytes);
  const measured: Measured[] = [];
  try {
    await load.run(action, { blocking: true, count: 500 * settings.containers, pace: { underWay: settings.containers } });
    for (const { name, plan } of casesOf(settings)) {
      const before = processorUse(pid);
      const figures = await load.run(action, plan);
      const after = processorUse(pid);
      const perActivation = (part: 'own' | 'containers' | 'broker'): number => (after[part] - before[part]) / plan.count;
      measured.push({ name, ...figures, ownMs: perActivation('own'), containersMs: perActivation('containers'), brokerMs: brokerPid() === undefined ? undefined : perActivation('broker') });
    }
  } finally {
    await load.stop();
  }
  return measured;
}

async function withTopics<T>({ brokers }: Settings, work: (bus: KafkaBus, topicPrefix: string) => Promise<T>): Promise<T> {
  const topicPrefix = `bench-${randomUUID().slice(0, 8)}-`;
  const bus = await KafkaBus.connect({ brokers, clientId: 'load', logger: createLogger('bench', 'silent'), topicPrefix });
  try {
    return await work(bus, topicPrefix);
  } finally {
    await bus.removeTopics();
    await bus.close();
  }
}

function measureFloor(settings: Settings): Promise<Measured[]> {
  return withTopics(settings, async (bus, prefix) => {
    await bus.ensureTopic(`invoker${invoker}`, openWhiskTopicSettings.invoker);
    await bus.ensureTopic('completed0', openWhiskTopicSettings.completed);
    const child = fork(path.resolve(import.meta.dirname, 'kafka-echo.js'), [settings.brokers[0] ?? '', `${prefix}invoker${invoker}`, `${prefix}completed0`]);
    try {
      await once(child, 'message');
      return await measure(bus, settings, child.pid ?? 0);
    } finally {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    }
  });
}

function measureInvoker(settings: Settings): Promise<Measured[]> {
  return withTopics(settings, async (bus, topicPrefix) => {
    const poolMemoryBytes = settings.containers * containerMegabytes * bytesPerMegabyte;
    const scheduler: SchedulerConfig = {
      poolMemoryBytes,
      prewarmPolicy: 'none',
      preload: false,
      keepAliveMs: 600_000,
      zygoteWindowMs: 0,
      stemCellCount: 0,
      stemCellMemoryBytes: containerMegabytes * bytesPerMegabyte,
      maxConcurrentLoads: 1,
      ...usualWeighing,
      maxQueuedActivations: 100_000,
    };
    await bus.ensureTopic('health', openWhiskTopicSettings.health);
    await bus.ensureTopic('completed0', openWhiskTopicSettings.completed);
    const actions = [echo(settings.logsMegabytes)];
    const containers = { containers: 'process', image: '', poolMemoryBytes, storeDir: undefined } as const;
    const task = { part: 'invoker', instance: invoker, brokers: settings.brokers, topicPrefix, actions, estimates: new Map(), scheduler, containers, environment: {}, publishEvents: false, reports: false, logLevel: 'warn' } as const;
    const part = await PartProcess.start(task, () => undefined);
    try {
      return await measure(bus, settings, part.pid ?? 0);
    } finally {
      await part.stop();
    }
  });
}

function report({ perSecond, seconds, containers, logsMegabytes }: Settings, floor: readonly Measured[], ours: readonly Measured[]): string {
  const table = new Table({ head: ['case', 'who', 'per second', 'p50 ms', 'p99 ms', 'result p99 ms', 'failed', 'process', 'containers', 'broker', 'per second / floor', 'p99 / floor'], style: { head: [], border: [] } });
  for (const [index, under] of floor.entries()) {
    const over = ours[index];
    if (over === undefined) continue;
    for (const [who, figures] of [['floor', under], ['invoker', over]] as const) {
      const ratios = who === 'floor' ? ['', ''] : [(figures.perSecond / under.perSecond).toFixed(2), (figures.p99Ms / under.p99Ms).toFixed(2)];
      table.push([figures.name, who, figures.perSecond.toFixed(0), figures.p50Ms.toFixed(1), figures.p99Ms.toFixed(1), figures.resultP99Ms.toFixed(1), figures.failed, figures.ownMs.toFixed(2), figures.containersMs.toFixed(2), figures.brokerMs?.toFixed(2) ?? '', ...ratios]);
    }
  }
  return (
    `One invoker process, an echo action in ${containers} containers (processes) of ${containerMegabytes} MB, log limit ${logsMegabytes} MB, over a real broker; ${perSecond} a second offered for ${seconds} s, then as fast as it goes; ` +
    `Node.js ${process.version}, ${os.cpus().length} CPUs shared by the broker, the invoker, its containers and the load; load average ${os.loadavg()[0]?.toFixed(1) ?? '?'}.\n` +
    `Floor: a process that reads and acknowledges with plain kafkajs, no action. Latency from the moment an activation was due to the acknowledgement that frees its slot. Process, containers, broker: processor ms of one activation.\n${table.toString()}`
  );
}
