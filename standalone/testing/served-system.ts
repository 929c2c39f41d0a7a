// A standalone system that listens on a free port, in this process, with real process containers; and calls to its API.
import { createServer, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MemoryBus } from '../../common/bus/memory-bus.ts';
import { SystemClock } from '../../common/clock.ts';
import { createLogger } from '../../common/logger.ts';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { mayWishOf } from '../../invoker-plugin/action-wishes.ts';
import { ProcessDriver } from '../../invoker-plugin/drivers/process-driver.ts';
import { usualWeighing, type SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import { guestNamespace, Namespaces } from '../namespaces.ts';
import { standaloneMetrics } from '../metrics.ts';
import { createStandaloneApp } from '../server.ts';
import { StandaloneSystem } from '../system.ts';
import { callApi, type Answer, type CallOptions } from './api-call.ts';
import type { Retention } from '../store/activations.ts';

export const megabytes = 1024 * 1024;
export const otherKey = '11111111-2222-4333-8444-555555555555:abcdefghijklmnopqrstuvwxyz0123456789';
const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');

/** One container at a time, of the size that actions have by default. */
const smallScheduler: SchedulerConfig = {
  poolMemoryBytes: 256 * megabytes,
  prewarmPolicy: 'pagurus',
  preload: true,
  keepAliveMs: 600_000,
  zygoteWindowMs: 300_000,
  stemCellCount: 1,
  stemCellMemoryBytes: 128 * megabytes,
  maxConcurrentLoads: 1,
  ...usualWeighing,
  maxQueuedActivations: 1000,
};

export class ServedSystem {
  readonly system: StandaloneSystem;
  readonly address: string;
  private readonly server: Server;
  private readonly folder: string;

  private constructor(system: StandaloneSystem, server: Server, folder: string) {
    this.system = system;
    this.server = server;
    this.folder = folder;
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(options: { retention?: Retention; scheduler?: Partial<SchedulerConfig>; environment?: Record<string, string>; concurrencyMax?: number } = {}): Promise<ServedSystem> {
    const folder = await mkdtemp(path.join(tmpdir(), 'standalone-'));
    const namespaces = new Namespaces([`other=${otherKey}`]);
    const [clock, logger] = [new SystemClock(), createLogger('test', 'silent')];
    const scheduler = { ...smallScheduler, ...options.scheduler };
    const mayWish = mayWishOf([guestNamespace]);
    const system = await StandaloneSystem.open({
      dataFolder: folder,
      retention: options.retention ?? { ageMs: 3_600_000, count: 1000 },
      namespaces,
      bus: new MemoryBus(),
      clock,
      logger,
      driver: new ProcessDriver({ runtimeMain, startTimeoutMs: 30_000, graceMs: 2_000 }),
      scheduler,
      concurrencyMax: options.concurrencyMax,
      environment: options.environment ?? {},
      pauseGraceMs: undefined,
      estimate: () => ({ loadMs: 100, residentBytes: 16 * megabytes }),
      mayWish,
      graceMs: 0,
    });
    const limits = { defaultMemoryMegabytes: Math.floor(scheduler.stemCellMemoryBytes / megabytes), mostMemoryMegabytes: Math.floor(scheduler.poolMemoryBytes / megabytes), mostConcurrency: options.concurrencyMax ?? 1, mayWish };
    const server = createServer(createStandaloneApp({ system, namespaces, clock, logger, limits, metrics: standaloneMetrics(system) }));
    await system.start();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ServedSystem(system, server, folder);
  }

  /** @param route below `/api/v1` */
  call(route: string, options?: CallOptions): Promise<Answer> {
    return callApi(`${this.address}/api/v1${route}`, options);
  }

  /** The record of an activation of the guest's, once it has ended. */
  recordOf(activationId: string): Promise<WhiskActivation> {
    return this.system.activations.whenStored(guestNamespace, activationId);
  }

  /** Creates an action of the guest's out of source text. */
  create(name: string, code: string, more: Record<string, unknown> = {}): Promise<Answer> {
    return this.call(`/namespaces/_/actions/${name}`, { method: 'PUT', body: { exec: { kind: 'nodejs:default', code }, ...more } });
  }

  /** Ends every connection there is, as a network would. */
  dropConnections(): void {
    this.server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await this.system.stop();
    await rm(this.folder, { recursive: true });
  }
}
