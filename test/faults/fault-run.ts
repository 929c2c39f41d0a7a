// A replay of calls over real Kafka, real invoker and planner processes and real containers, in which one part after the
// other is killed at a random moment. It says afterwards what became of every activation.
//
// What is expected. OpenWhisk takes activations at most once: what a killed invoker had taken and not answered is lost, and
// the controller's forced completion is the one end it has. So:
// - every activation ends: acknowledged, or completed by force;
// - none is acknowledged twice, and none has two stored records;
// - by force end only activations that were in flight when an invoker or the broker was killed;
// - a status other than success only have activations that were in flight when an invoker or a container was killed;
// - nothing of a killed part is left, and nothing at all at the end;
// - after each repair, calls start warm or pre-loaded as often as before within a minute.
import { KafkaBus } from '../../common/bus/kafka-bus.ts';
import { createRandom, type Random } from '../../common/random.ts';
import { alive, childrenOf, descendantsOf } from '../../common/process-tree.ts';
import { CouchStandIn } from '../../invoker-plugin/testing/couch-stand-in.ts';
import { logger } from '../../invoker-plugin/testing/stock-deployment.ts';
import { StockController, type Completed, type StockAction } from '../../invoker-plugin/testing/stock-controller.ts';
import type { KafkaBroker } from '../../scripts/kafka-broker/broker.ts';
import { PartProcess } from './part-process.ts';

const pidsBelow = (pid: number): number[] => descendantsOf(pid).map((entry) => entry.pid);

export const victims = ['broker', 'invoker', 'planner', 'container'] as const;
export type Victim = (typeof victims)[number];

export interface FaultRunOptions {
  readonly broker: KafkaBroker;
  readonly rounds: number;
  readonly seed: number;
  /** Folder of a model store with the models one to four. */
  readonly storeDir: string;
  readonly onRound: (round: FaultRound) => void;
  /** Aborting ends the run after the round under way, with a report. */
  readonly signal?: AbortSignal;
}

export interface FaultRound {
  readonly round: number;
  readonly victim: Victim;
  /** From the kill until everything was up again, and until calls started as before. */
  readonly healMs: number;
  readonly recoverMs: number;
  readonly warmShare: number;
  /** What was left of the killed part's processes after it had been restarted. */
  readonly leftOver: number;
}

export interface FaultReport {
  readonly rounds: readonly FaultRound[];
  readonly activations: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly forced: number;
  /** Refused by the controller because no invoker was up: no activation came of them. */
  readonly refused: number;
  readonly baselineWarmShare: number;
  /** Each a sentence; none is what is expected. */
  readonly violations: readonly string[];
}

const actionNames = ['one', 'two', 'three', 'four'] as const;
const invokerIds = [0, 1] as const;
const forcedCompletionMs = 90_000;
const meanGapMs = 250;
const recoverTimeoutMs = 60_000;
const probeMs = 3_000;
/** The baseline is a measurement of some tens of calls: a tenth less is the same. */
const sameShare = 0.9;

interface Sent {
  readonly sentAt: number;
  readonly invoker: number;
  endedAt: number;
  completed: Completed | undefined;
}
interface Kill {
  readonly victim: Victim;
  readonly invoker: number | undefined;
  readonly from: number;
  /** When it had been repaired. */
  until: number;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class FaultRun {
  private readonly options: FaultRunOptions;
  /** Of what is killed and when, and of the calls: neither depends on how fast the other goes. */
  private readonly faults: Random;
  private readonly calls: Random;
  private readonly couch = new CouchStandIn();
  private readonly invokers: PartProcess[] = [];
  private readonly sent = new Map<string, Sent>();
  private readonly kills: Kill[] = [];
  private readonly violations: string[] = [];
  private readonly actions: StockAction[] = [];
  private planner: PartProcess | undefined;
  private controller: StockController | undefined;
  private bus: KafkaBus | undefined;
  private refused = 0;
  private isReplaying = true;

  constructor(options: FaultRunOptions) {
    this.options = options;
    this.faults = createRandom(options.seed, 'faults');
    this.calls = createRandom(options.seed, 'calls');
  }

  async run(): Promise<FaultReport> {
    let replay: Promise<void> = Promise.resolve();
    const rounds: FaultRound[] = [];
    let left: number[];
    let baselineWarmShare: number;
    try {
      await this.start();
      replay = this.replay();
      // The first calls load on their path; the baseline is what comes after.
      await sleep(3 * probeMs);
      baselineWarmShare = await this.warmShareOver(2 * probeMs);
      for (let round = 1; round <= this.options.rounds && this.options.signal?.aborted !== true; round += 1) {
        const done = await this.round(round, baselineWarmShare);
        rounds.push(done);
        this.options.onRound(done);
      }
      this.isReplaying = false;
      await replay;
      const allEnded = (): boolean => [...this.sent.values()].every(({ completed }) => completed !== undefined);
      await Promise.race([this.controller?.until(allEnded), sleep(forcedCompletionMs + 10_000)]);
      left = this.invokers.flatMap(({ pid }) => pidsBelow(pid));
    } finally {
      this.isReplaying = false;
      await replay;
      await this.stop();
    }
    const stillThere = alive(left).length;
    if (stillThere > 0) this.violations.push(`${stillThere} processes were left at the end`);
    this.judge();
    return this.reportOf(rounds, baselineWarmShare);
  }

  private reportOf(rounds: readonly FaultRound[], baselineWarmShare: number): FaultReport {
    const all = [...this.sent.values()];
    const statuses = all.map(({ completed }) => (completed === undefined || completed.isForced ? undefined : (completed.record?.response.statusCode ?? 0)));
    return {
      rounds,
      activations: all.length,
      succeeded: statuses.filter((status) => status === 0).length,
      failed: statuses.filter((status) => status !== undefined && status > 0).length,
      forced: all.filter(({ completed }) => completed?.isForced === true).length,
      refused: this.refused,
      baselineWarmShare,
      violations: this.violations,
    };
  }

  private async start(): Promise<void> {
    const brokers = this.options.broker.addresses.plain;
    const couchAddress = new URL(await this.couch.start());
    const [user = '', password = ''] = this.couch.credentials.split(':');
    this.bus = await KafkaBus.connect({ brokers: [brokers], clientId: 'controller', logger, timing: { sessionTimeoutMs: 10_000, heartbeatIntervalMs: 1_000 } });
    this.controller = new StockController({ bus: this.bus, id: '0', timing: { forcedCompletionMs: () => forcedCompletionMs, testPeriodMs: 5_000 } });
    await this.controller.start();
    for (const name of actionNames) this.actions.push(this.deploy(name));
    const kafka = ['--kafka-brokers', brokers, '--port', '0', '--log-level', 'warn'];
    this.planner = new PartProcess(['controller', ...kafka, '--keep-every', '1']);
    for (const id of invokerIds) {
      const couch = ['--couch-host', couchAddress.hostname, '--couch-port', couchAddress.port, '--couch-user', user, '--couch-password', password, '--couch-entities', 'whisks', '--couch-activations', 'activations'];
      const pool = ['--containers', 'process', '--user-memory', '1024m', '--stem-cells', '1', '--stem-cell-memory', '256m', '--keep-alive', '60', '--model-store', this.options.storeDir, '--grace', '5'];
      this.invokers.push(new PartProcess(['invoker', '--id', String(id), ...kafka, ...couch, ...pool]));
    }
    await Promise.all([this.planner.start(), ...this.invokers.map((invoker) => invoker.start())]);
    await this.controller.until(() => this.areAllUp());
  }

  private async stop(): Promise<void> {
    await Promise.all([this.planner, ...this.invokers].map((part) => part?.end('SIGTERM')));
    await this.controller?.stop();
    await this.bus?.close();
    await this.couch.stop();
  }

  private deploy(name: string): StockAction {
    const code = `const { model } = require('instainfer'); exports.main = async (args) => { await model('${name}'); return { i: args.i }; };`;
    const annotations = [{ key: 'provide-api-key', value: false }, { key: 'preload', value: { models: [{ name, store: `${name}@1` }], libraries: [] } }];
    const limits = { timeout: 30_000, memory: 256, logs: 1, concurrency: 1 };
    const revision = this.couch.put('whisks', `guest/${name}`, { entityType: 'action', namespace: 'guest', name, version: '0.0.1', publish: false, exec: { kind: 'nodejs:instainfer', binary: false, code }, parameters: [], limits, annotations });
    return { path: 'guest', name, version: '0.0.1', revision, memoryMegabytes: 256, timeoutMs: 30_000 };
  }

  private areAllUp(): boolean {
    return invokerIds.every((id) => this.controller?.stateOf(id) === 'up');
  }

  /** Calls at random moments, until the rounds are over. */
  private async replay(): Promise<void> {
    for (let i = 0; this.isReplaying; i += 1) {
      await sleep(this.calls.exponential(meanGapMs));
      this.invoke(this.calls.pick(this.actions), i);
    }
  }

  private invoke(action: StockAction, i: number): void {
    try {
      const sent = this.controller?.invoke(action, { content: { i } });
      if (sent === undefined) return;
      const entry: Sent = { sentAt: Date.now(), invoker: sent.invoker, endedAt: Infinity, completed: undefined };
      this.sent.set(sent.activationId, entry);
      void sent.completed.then((completed) => {
        entry.completed = completed;
        entry.endedAt = Date.now();
      });
    } catch {
      this.refused += 1;
    }
  }

  private async round(round: number, baseline: number): Promise<FaultRound> {
    // The first rounds take each kind once; which one and when is chance.
    const victim = round <= victims.length ? (victims[round - 1] ?? 'broker') : this.faults.pick(victims);
    const index = this.faults.pick(invokerIds);
    await sleep(this.faults.uniformBetween(200, 2_200));
    const kill: Kill = { victim, invoker: victim === 'invoker' || victim === 'container' ? index : undefined, from: Date.now(), until: Infinity };
    this.kills.push(kill);
    const hanging = await this.killAndRestart(victim, index);
    await this.controller?.until(() => this.areAllUp());
    kill.until = Date.now();
    const warmShare = await this.recovered(kill.until, baseline);
    const recoverMs = Date.now() - kill.until;
    const leftOver = alive(hanging).length;
    if (leftOver > 0) this.violations.push(`round ${round}: ${leftOver} processes of the killed ${victim} are left`);
    if (recoverMs > recoverTimeoutMs) this.violations.push(`round ${round}: a minute after the ${victim} was back, ${Math.round(warmShare * 100)} % of the calls start warm or pre-loaded, before it were ${Math.round(baseline * 100)} %`);
    return { round, victim, healMs: kill.until - kill.from, recoverMs, warmShare, leftOver };
  }

  /** @returns the processes that hung on the victim */
  private async killAndRestart(victim: Victim, index: number): Promise<number[]> {
    const downMs = this.faults.uniformBetween(0, 1_500);
    if (victim === 'broker') {
      await this.options.broker.stop('SIGKILL');
      await sleep(downMs);
      await this.options.broker.start();
      return [];
    }
    const invoker = this.invokers[index];
    if (victim === 'container') {
      const containers = childrenOf(invoker?.pid ?? 0);
      if (containers.length === 0) return [];
      const container = this.faults.pick(containers);
      const hanging = pidsBelow(container);
      process.kill(container, 'SIGKILL');
      return hanging;
    }
    const part = victim === 'planner' ? this.planner : invoker;
    const hanging = pidsBelow(part?.pid ?? 0);
    await part?.end('SIGKILL');
    await sleep(downMs);
    await part?.start();
    return hanging;
  }

  /** Looks at calls for a while again and again, until as many start warm as before or a minute is over. */
  private async recovered(since: number, baseline: number): Promise<number> {
    for (;;) {
      const share = await this.warmShareOver(probeMs);
      if (share >= baseline * sameShare || Date.now() - since > recoverTimeoutMs) return share;
    }
  }

  /** Share of the calls of the next while that start warm or pre-loaded; as the invokers count them. */
  private async warmShareOver(ms: number): Promise<number> {
    const before = await this.starts();
    await sleep(ms);
    const after = await this.starts();
    const total = after.total - before.total;
    return total <= 0 ? 0 : (after.warm - before.warm) / total;
  }

  private async starts(): Promise<{ warm: number; total: number }> {
    const texts = await Promise.all(this.invokers.map(async ({ httpAddress }) => (await fetch(`${httpAddress}/metrics`)).text()));
    let [warm, total] = [0, 0];
    for (const [, start = '', count] of texts.join('\n').matchAll(/^instainfer_activations_total\{.*start="(\w+)"\} (\d+)/gm)) {
      total += Number(count);
      if (start === 'warm' || start === 'preloaded') warm += Number(count);
    }
    return { warm, total };
  }

  private judge(): void {
    for (const [activationId, sent] of this.sent) {
      const { completed } = sent;
      const during = (kinds: readonly Victim[]): boolean => this.kills.some((kill) => kinds.includes(kill.victim) && sent.sentAt <= kill.until && sent.endedAt >= kill.from);
      const stored = this.couch.get('activations', `guest/${activationId}`) as { response?: { statusCode: number } } | undefined;
      const status = stored?.response?.statusCode ?? completed?.record?.response.statusCode;
      if (completed === undefined) this.violations.push(`${activationId} never ended`);
      else if (completed.isForced) {
        if (!during(['invoker', 'broker'])) this.violations.push(`${activationId} was lost though neither its invoker nor the broker was killed`);
      } else {
        if (stored === undefined && !during(['invoker'])) this.violations.push(`${activationId} was acknowledged and has no record`);
        if (status !== 0 && !during(['invoker', 'container'])) this.violations.push(`${activationId} ended with status ${status ?? 'none'} without a cause`);
        if (completed.record !== undefined && status !== completed.record.response.statusCode) this.violations.push(`${activationId} was acknowledged with another status than it was recorded with`);
      }
    }
    // A late acknowledgement of what was completed by force is only logged by a controller; any other second one is a fault.
    const late = (this.controller?.unexpected ?? []).filter((ack) => {
      const id = 'activationId' in ack ? ack.activationId : typeof ack.response === 'string' ? ack.response : ack.response.activationId;
      return this.sent.get(id)?.completed?.isForced !== true;
    });
    if (late.length > 0) this.violations.push(`${late.length} activations were acknowledged twice`);
    const dropped = this.controller?.dropped.length ?? 0;
    if (dropped > 0) this.violations.push(`${dropped} acknowledgements or pings could not be read`);
    if (this.couch.conflicts > 0) this.violations.push(`${this.couch.conflicts} records were stored twice`);
  }
}

/** Runs it to the end; whatever it started is gone afterwards, the broker excepted. */
export function runFaults(options: FaultRunOptions): Promise<FaultReport> {
  return new FaultRun(options).run();
}
