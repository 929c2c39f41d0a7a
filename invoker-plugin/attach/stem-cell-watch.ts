// Finds the stem cells of our kind that other invokers keep on this engine, and tells when one is not a stem cell any more:
// initialised, paused, gone, or silent. One that has been initialised is never looked at again.
import type Docker from 'dockerode';
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { AppError, describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { isStemCellName } from '../drivers/container-name.ts';
import { invokerLabel } from '../drivers/docker-driver.ts';
import { RuntimeClient } from '../runtime-client.ts';
import { BorrowedContainer } from './borrowed-container.ts';
import { EngineEvents } from './engine-events.ts';

export interface FoundStemCell {
  readonly container: BorrowedContainer;
  readonly memoryLimitBytes: number;
  readonly usedBytes: number;
  /** What its pre-loading routes ask for: its environment says so. Empty where they ask for nothing. */
  readonly token: string;
}

export interface StemCellWatchOptions {
  readonly engine: Docker;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly image: string;
  readonly kind: string;
  /** How often each stem cell is asked whether it still is one. */
  readonly pollMs: number;
  readonly onFound: (found: FoundStemCell) => void;
}

interface Watched {
  readonly container: BorrowedContainer;
  readonly client: RuntimeClient;
}

const actionPort = 8080;
const statusTimeoutMs = 2000;
const offloadTimeoutMs = 10_000;
/** Every so many polls all containers are listed: what an event has missed is found. */
const pollsPerListing = 10;

export class StemCellWatch {
  private readonly options: StemCellWatchOptions;
  private readonly events: EngineEvents;
  private readonly watched = new Map<string, Watched>();
  private readonly looking = new Set<string>();
  /** Containers that have ceased to be stem cells. */
  private readonly finished = new Set<string>();
  private sightings = 0;
  private polls = 0;
  private cancelTimer: CancelTimer = () => undefined;
  private isClosed = false;

  constructor(options: StemCellWatchOptions) {
    this.options = options;
    this.events = new EngineEvents({
      engine: options.engine,
      clock: options.clock,
      onEvent: (action, dockerId) => {
        if (action === 'start') this.inBackground(this.lookById(dockerId));
        else this.letGo(dockerId, action === 'pause' ? 'its owner paused it' : 'it ended', action === 'pause');
      },
      onListening: () => {
        this.inBackground(this.list());
      },
      onLost: (error) => {
        options.logger.warn({ reason: describeError(error) }, 'the events of the container engine are lost; they are asked for again');
      },
    });
  }

  /** @throws AppError CONTAINER_START when no engine answers */
  async start(): Promise<void> {
    await this.events.start().catch((cause: unknown) => {
      throw new AppError('CONTAINER_START', `No container engine answers: ${describeError(cause)}.`, 'attach has to run where the invoker does, with its DOCKER_HOST or /var/run/docker.sock.', { cause });
    });
    this.pollLater();
  }

  /** Lets everything go; nothing is done to any container. */
  close(): void {
    this.isClosed = true;
    this.cancelTimer();
    this.events.close();
    for (const id of [...this.watched.keys()]) this.letGo(id, 'attach ends', false);
  }

  private pollLater(): void {
    const { clock, pollMs } = this.options;
    this.cancelTimer = clock.setTimer(clock.now() + pollMs, () => {
      this.inBackground(this.poll().finally(() => !this.isClosed && this.pollLater()));
    });
  }

  private async poll(): Promise<void> {
    this.polls += 1;
    if (this.polls % pollsPerListing === 0) await this.list();
    await Promise.all([...this.watched].map(([id, { client }]) => this.check(id, client)));
  }

  private async check(id: string, client: RuntimeClient): Promise<void> {
    const state = await client.status(statusTimeoutMs).then(
      (status) => (status.ok ? status.reply.state : 'unknown'),
      () => 'silent',
    );
    if (state === 'stem') return;
    // A silent one may have been initialised and paused, or just be slow: it is found again if it is a stem cell after all.
    this.letGo(id, state === 'silent' ? 'it does not answer' : `it is ${state}`, state !== 'silent');
  }

  private async list(): Promise<void> {
    const listed = await this.options.engine.listContainers();
    const ids = new Set(listed.map(({ Id }) => Id));
    for (const id of this.watched.keys()) if (!ids.has(id)) this.letGo(id, 'it is gone', false);
    for (const id of this.finished) if (!ids.has(id)) this.finished.delete(id);
    await Promise.all(listed.filter(({ State }) => State === 'running').map((info) => this.look(info)));
  }

  private async lookById(dockerId: string): Promise<void> {
    const [info] = await this.options.engine.listContainers({ filters: { id: [dockerId] } });
    if (info !== undefined) await this.look(info);
  }

  /** Takes a container in if it is a stem cell of our kind that somebody else keeps. */
  private async look(info: Docker.ContainerInfo): Promise<void> {
    const { image, kind } = this.options;
    const { Id } = info;
    const isCandidate = info.Image === image && info.Labels[invokerLabel] === undefined && info.Names.some((name) => isStemCellName(name.slice(1), kind));
    if (!isCandidate || this.watched.has(Id) || this.finished.has(Id) || this.looking.has(Id) || this.isClosed) return;
    this.looking.add(Id);
    try {
      await this.takeIn(Id);
    } finally {
      this.looking.delete(Id);
    }
  }

  private async takeIn(dockerId: string): Promise<void> {
    const { engine, clock, logger, onFound } = this.options;
    const { Config, HostConfig, NetworkSettings } = await engine.getContainer(dockerId).inspect();
    const address = Object.values(NetworkSettings.Networks).find(({ IPAddress }) => IPAddress !== '')?.IPAddress;
    if (address === undefined) return;
    const token = Config.Env.find((variable) => variable.startsWith('INSTAINFER_TOKEN='))?.slice('INSTAINFER_TOKEN='.length) ?? '';
    const baseUrl = `http://${address}:${actionPort}`;
    const client = new RuntimeClient(baseUrl, () => clock.now(), token);
    // Not listening yet, or no instainfer runtime: the next listing looks again.
    const status = await client.status(statusTimeoutMs).catch(() => undefined);
    if (status?.ok !== true || status.reply.state !== 'stem') {
      client.close();
      if (status?.ok === true) this.finished.add(dockerId);
      else if (status !== undefined) logger.warn({ container: dockerId, reason: status.error.error }, 'a stem cell does not let itself be looked at');
      return;
    }
    // What a predecessor of this process has loaded is nobody's plan any more.
    if (status.reply.slots.length > 0) await client.offload({ value: { all: true } }, offloadTimeoutMs);
    if (this.isClosed) return client.close();
    this.sightings += 1;
    const container = new BorrowedContainer(`${dockerId.slice(0, 12)}.${this.sightings}`, baseUrl);
    this.watched.set(dockerId, { container, client });
    void container.ended.then(({ reason }) => {
      if (this.watched.get(dockerId)?.container === container) this.letGo(dockerId, reason, false);
    });
    logger.info({ containerId: container.containerId, baseUrl }, 'stem cell found');
    onFound({ container, memoryLimitBytes: HostConfig.Memory ?? 0, usedBytes: status.reply.memory.usedBytes, token });
  }

  /** @param forGood it is not a stem cell any more, whatever it may look like later */
  private letGo(dockerId: string, reason: string, forGood: boolean): void {
    const watched = this.watched.get(dockerId);
    if (forGood) this.finished.add(dockerId);
    if (watched === undefined) return;
    this.watched.delete(dockerId);
    watched.client.close();
    watched.container.letGo(reason);
    this.options.logger.info({ containerId: watched.container.containerId, reason }, 'stem cell let go');
  }

  private inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!this.isClosed) this.options.logger.warn({ reason: describeError(error) }, 'stem cells could not be looked at; the next listing tries again');
    });
  }
}
