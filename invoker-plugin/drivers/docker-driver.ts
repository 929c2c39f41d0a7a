// Containers of a Docker engine, started, named and limited as a stock OpenWhisk invoker does it (DockerContainerFactory
// and DockerClient in Apache OpenWhisk), so that what works there works here.
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { AppError, describeError } from '../../common/errors.ts';
import { containerNamePrefix, cpuSharesOf, stemCellName } from './container-name.ts';
import { DockerContainer } from './docker-container.ts';
import { runtimeEnvironment, type Container, type ContainerDriver, type ContainerRequest } from './driver.ts';
import { Limiter } from './limiter.ts';

/** Label of every container of ours; its value names the invoker. */
export const invokerLabel = 'instainfer.invoker';
/** Label with the scheduler's name of the container. */
export const containerLabel = 'instainfer.container';

/** The port of OpenWhisk's action containers. */
const actionPort = 8080;
const askAgainMs = 20;
/** Where the model store is in a container: slots of any user get there, wherever it lies on the host. */
const modelStoreDir = '/model-store';

export interface DockerDriverOptions {
  /** Name of the image of the runtime; it is never pulled, as managed images are not on a stock invoker. */
  readonly image: string;
  /** The kind its containers wait for; part of their names. */
  readonly kind: string;
  /** Tells the containers of several deployments on one host apart; part of their names. */
  readonly uniqueName: string;
  readonly invoker: number;
  /** Memory of the whole pool: a container's share of the processor is its share of this. */
  readonly poolMemoryBytes: number;
  /** Network the containers join, and on whose addresses they are called. */
  readonly network: string;
  /** Folder of the model store on the engine's host: containers see it read-only, at a place of its own. */
  readonly modelStore?: string | undefined;
  /** Environment of every container, such as `__OW_API_HOST`. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further settings of every container, over the driver's own: DNS servers, devices, a log driver. */
  readonly hostConfig?: Readonly<Docker.HostConfig>;
  readonly startTimeoutMs: number;
  /** Creates under way at a time; a stock invoker's default is 10. */
  readonly parallelCreates: number;
  /** Where the engine listens; the environment (DOCKER_HOST) or the local socket says so by default. */
  readonly engine?: Docker;
}

/** The settings of a stock deployment, where there is such a setting. */
export const stockDockerSettings = { network: 'bridge', kind: 'nodejs:instainfer', uniqueName: '', startTimeoutMs: 30_000, parallelCreates: 10 } as const;

/** A {@link ContainerDriver} whose containers are a Docker engine's. */
export class DockerDriver implements ContainerDriver {
  private readonly options: DockerDriverOptions;
  private readonly engine: Docker;
  private readonly creates: Limiter;
  private readonly containers = new Set<DockerContainer>();
  private readonly starting = new Set<Promise<unknown>>();
  private counter = 0;
  private isClosed = false;

  constructor(options: DockerDriverOptions) {
    this.options = options;
    this.engine = options.engine ?? new Docker();
    this.creates = new Limiter(options.parallelCreates);
  }

  async start(): Promise<void> {
    await this.engine.ping().catch((cause: unknown) => {
      throw new AppError('CONTAINER_START', `No container engine answers: ${describeError(cause)}.`, 'Start one (scripts/engine up), or set DOCKER_HOST.', { cause });
    });
    await this.engine
      .getImage(this.options.image)
      .inspect()
      .catch((cause: unknown) => {
        throw this.imageMissing(cause);
      });
    await this.removeAll();
  }

  create(request: ContainerRequest): Promise<Container> {
    const created = this.creates.run(() => this.createNow(request));
    this.starting.add(created);
    void created.catch(() => undefined).finally(() => this.starting.delete(created));
    return created;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.containers].map((container) => container.remove()));
    await Promise.allSettled(this.starting);
  }

  private async createNow({ containerId, memoryLimitBytes, environment }: ContainerRequest): Promise<Container> {
    this.counter += 1;
    const { kind, uniqueName, invoker } = this.options;
    const name = stemCellName(uniqueName, invoker, this.counter, kind);
    if (this.isClosed) throw startError(name, 'the driver is closed.');
    const handle = await this.engine.createContainer({ name, ...this.settingsOf(containerId, memoryLimitBytes, environment) }).catch((cause: unknown) => {
      throw isMissing(cause) ? this.imageMissing(cause) : startError(name, describeError(cause), cause);
    });
    try {
      await handle.start();
    } catch (cause) {
      await handle.remove({ force: true, v: true }).catch(() => undefined);
      throw startError(name, describeError(cause), cause);
    }
    const container = new DockerContainer(containerId, handle);
    this.containers.add(container);
    void container.ended.then(() => this.containers.delete(container));
    try {
      await container.followLog();
      await this.listening(name, container);
    } catch (error) {
      await container.remove();
      throw error;
    }
    return container;
  }

  private settingsOf(containerId: string, memoryLimitBytes: number, environment: Readonly<Record<string, string>>): Docker.ContainerCreateOptions {
    const { image, network, modelStore, poolMemoryBytes, hostConfig } = this.options;
    const variables = { ...runtimeEnvironment, ...this.options.environment, ...environment, ...(modelStore === undefined ? {} : { INSTAINFER_MODEL_STORE: modelStoreDir }) };
    return {
      Image: image,
      Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      Labels: { [invokerLabel]: this.label, [containerLabel]: containerId },
      HostConfig: {
        Memory: memoryLimitBytes,
        // The same as the limit: no swap.
        MemorySwap: memoryLimitBytes,
        CpuShares: cpuSharesOf(memoryLimitBytes, poolMemoryBytes),
        PidsLimit: 1024,
        CapDrop: ['NET_RAW', 'NET_ADMIN'],
        Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 1024 }],
        NetworkMode: network,
        LogConfig: { Type: 'json-file', Config: {} },
        ...(modelStore === undefined ? {} : { Binds: [`${modelStore}:${modelStoreDir}:ro`] }),
        ...hostConfig,
      },
    };
  }

  /** Resolves when something listens on the action port. */
  private async listening(name: string, container: DockerContainer): Promise<void> {
    const lastWords: string[] = [];
    container.onLog((_stream, line) => {
      lastWords.push(line);
      if (lastWords.length > 5) lastWords.shift();
    });
    const giveUpAt = performance.now() + this.options.startTimeoutMs;
    const ended = container.ended.then(({ reason }) => reason);
    const address = await container.address();
    container.baseUrl = `http://${address}:${actionPort}`;
    for (;;) {
      const outcome = await Promise.race([connects(address, actionPort), ended]);
      if (outcome === true) break;
      const said = lastWords.length === 0 ? '' : ` It said: ${lastWords.join(' | ')}`;
      if (typeof outcome === 'string') throw startError(name, `${outcome}.${said}`);
      if (performance.now() > giveUpAt) throw startError(name, `nothing listened on port ${actionPort} for ${this.options.startTimeoutMs} ms.${said}`);
      await sleep(askAgainMs);
    }
    if (this.isClosed) throw startError(name, 'the driver was closed meanwhile.');
  }

  /** Removes every container of this invoker, whoever started it. */
  private async removeAll(): Promise<void> {
    const prefix = containerNamePrefix(this.options.uniqueName, this.options.invoker);
    const listed = await this.engine.listContainers({ all: true, filters: { name: [`^/${prefix}`] } });
    const own = listed.filter(({ Names, Labels }) => Names.some((name) => name.startsWith(`/${prefix}`)) && (Labels[invokerLabel] ?? this.label) === this.label);
    await Promise.all(own.map(({ Id }) => this.engine.getContainer(Id).remove({ force: true, v: true }).catch(ignoreMissing)));
  }

  private get label(): string {
    return `${this.options.uniqueName}/${this.options.invoker}`;
  }

  private imageMissing(cause: unknown): AppError {
    const { image } = this.options;
    return new AppError('CONTAINER_START', `The container engine has no image ${image}.`, `Build it: npm run image -- ${image}`, { cause });
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'statusCode' in error && error.statusCode === 404;
/** 409: somebody else is removing it. */
const ignoreMissing = (error: unknown): void => {
  if (!isMissing(error) && !(error instanceof Error && 'statusCode' in error && error.statusCode === 409)) throw error;
};

function startError(name: string, reason: string, cause?: unknown): AppError {
  return new AppError('CONTAINER_START', `Container ${name} did not start: ${reason}`, 'docker run with the same image shows more.', { cause });
}

/** Whether somebody accepts connections there now. */
async function connects(host: string, port: number): Promise<boolean> {
  const socket = net.connect({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(1000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
