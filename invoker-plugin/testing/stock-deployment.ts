// An invoker of ours in a deployment of stand-ins: the stock controller, CouchDB, and real runtime containers.
import path from 'node:path';
import type { Bus, Subscription } from '../../common/bus/bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/logger.ts';
import { baseConfig, MiB } from '../core/test/builders.ts';
import type { SchedulerConfig } from '../core/config.ts';
import { ProcessDriver } from '../drivers/process-driver.ts';
import { embeddedServing, Invoker, type InvokerOptions } from '../invoker.ts';
import { CouchActivationStore } from '../stores/couch-activation-store.ts';
import { CouchCatalog } from '../stores/couch-catalog.ts';
import { CouchStandIn } from './couch-stand-in.ts';
import { StockController, type StockAction, type StockTiming } from './stock-controller.ts';

const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');
export const logger = createLogger('test', process.env['INSTAINFER_LOG_LEVEL'] ?? 'silent');

export const schedulerOfTests: SchedulerConfig = {
  ...baseConfig,
  poolMemoryBytes: 512 * MiB,
  prewarmPolicy: 'none',
  preload: false,
  keepAliveMs: 60_000,
  zygoteWindowMs: 60_000,
  stemCellCount: 0,
  stemCellMemoryBytes: 256 * MiB,
  maxQueuedActivations: 100_000,
};

/** Connections of the two sides to one bus. */
export interface BusPair {
  readonly controllerBus: Bus;
  readonly invokerBus: Bus;
  close(): Promise<void>;
}

export interface ActionTexts {
  readonly kind?: string;
  readonly namespace?: string;
  readonly version?: string;
  readonly main?: string;
  readonly binary?: boolean;
  readonly limits?: Readonly<Record<string, number>>;
  readonly annotations?: readonly { readonly key: string; readonly value: unknown }[];
}

export interface DeploymentOptions {
  readonly instance?: number;
  readonly timing?: Partial<StockTiming>;
  readonly maxAckBytes?: number;
  readonly invoker?: Partial<InvokerOptions>;
}

export class StockDeployment {
  readonly couch: CouchStandIn;
  readonly controller: StockController;
  readonly invoker: Invoker;
  readonly couchAddress: string;
  private readonly pair: BusPair;

  private constructor(pair: BusPair, couch: CouchStandIn, couchAddress: string, { instance = 0, timing, maxAckBytes, invoker }: DeploymentOptions) {
    this.pair = pair;
    this.couch = couch;
    this.couchAddress = couchAddress;
    this.controller = new StockController({ bus: pair.controllerBus, id: '0', ...(timing === undefined ? {} : { timing }), ...(maxAckBytes === undefined ? {} : { maxMessageBytes: maxAckBytes }) });
    const target = { baseUrl: couchAddress, credentials: couch.credentials, timeoutMs: 5000 };
    const clock = new SystemClock();
    this.invoker = new Invoker({
      ...embeddedServing(schedulerOfTests.poolMemoryBytes),
      graceMs: 10_000,
      instance,
      bus: pair.invokerBus,
      clock,
      logger,
      driver: new ProcessDriver({ runtimeMain, startTimeoutMs: 60_000, graceMs: 500 }),
      catalog: new CouchCatalog({ couch: target, database: 'whisks', cacheBytes: 1_000_000 }),
      scheduler: schedulerOfTests,
      environment: {},
      publishEvents: true,
      activationStore: new CouchActivationStore({ couch: target, database: 'activations', clock, logger }),
      estimate: () => ({ loadMs: 0, residentBytes: 0 }),
      onFinished: () => undefined,
      onStep: () => undefined,
      ...invoker,
    });
  }

  /** Starts everything and waits until the controller has found the invoker healthy. */
  static async start(pair: BusPair, options: DeploymentOptions = {}): Promise<StockDeployment> {
    const couch = new CouchStandIn();
    const deployment = new StockDeployment(pair, couch, await couch.start(), options);
    try {
      await deployment.controller.start();
      await deployment.invoker.start();
      await deployment.controller.until(() => deployment.controller.stateOf(options.instance ?? 0) === 'up');
      return deployment;
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  /** Writes an action as the controller does; attached code is given as bytes. @returns what the controller invokes */
  deploy(name: string, code: string | { readonly attached: string; readonly bytes: Uint8Array }, texts: ActionTexts = {}): StockAction {
    const { kind = 'nodejs:instainfer', namespace = 'guest', version = '0.0.1', main, binary = false, limits, annotations = [{ key: 'provide-api-key', value: false }] } = texts;
    const { memory = 256, timeout = 10_000, logs = 10, concurrency = 1 } = limits ?? {};
    const attachments = typeof code !== 'string' && code.attached.startsWith('couch:') ? { [code.attached.slice('couch:'.length)]: code.bytes } : {};
    const revision = this.couch.put(
      'whisks',
      `${namespace}/${name}`,
      {
        entityType: 'action',
        namespace,
        name,
        version,
        publish: false,
        updated: Date.now(),
        exec: {
          kind,
          binary,
          ...(main === undefined ? {} : { main }),
          code: typeof code === 'string' ? code : { attachmentName: code.attached, attachmentType: binary ? 'application/octet-stream' : 'text/plain; charset=UTF-8' },
        },
        parameters: [],
        limits: { timeout, memory, logs, concurrency },
        annotations,
      },
      attachments,
    );
    return { path: namespace, name, version, revision, memoryMegabytes: memory, timeoutMs: timeout };
  }

  /** The stored record of an activation, once it is there. */
  async stored(activationId: string, namespace = 'guest'): Promise<Record<string, unknown>> {
    for (;;) {
      const record = this.couch.get('activations', `${namespace}/${activationId}`);
      if (record !== undefined) return record;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Hears the user events from now on. */
  events(hear: (event: unknown) => void): Promise<Subscription> {
    return this.pair.controllerBus.subscribe({
      topic: 'events',
      from: 'latest',
      handle: ({ value }) => {
        hear(JSON.parse(value ?? 'null'));
      },
      onError: () => undefined,
    });
  }

  async stop(): Promise<void> {
    await this.invoker.stop();
    await this.controller.stop();
    await this.pair.close();
    await this.couch.stop();
  }
}
