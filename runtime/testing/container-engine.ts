// The container engine that tests run images in: whether there is one, and containers started as OpenWhisk's own test
// harness starts them. Where there is none, tests skip and say why, unless INSTAINFER_TEST_ENGINE=required.
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { FrameDecoder } from '../../invoker-plugin/drivers/log-frames.ts';
import { callRuntime, type Logs, type Reply } from './runtime-process.ts';

/** The image under test; any OpenWhisk Node.js runtime can be put here. */
export const testImage = process.env['INSTAINFER_TEST_IMAGE'] ?? 'instainfer/action-nodejs-instainfer:test';

const marker = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';
const startTimeoutMs = 30_000;
const logTimeoutMs = 10_000;
const graceSeconds = 30;
/** OpenWhisk's harness waits so long for logs that no marker announces. */
const quietMs = 100;

/** Call in a suite's `before`: gives the engine, or skips the suite and prints why. */
export async function requireEngine(context: Mocha.Context): Promise<Docker> {
  const docker = new Docker();
  const reason = await docker.ping().then(
    () =>
      docker.getImage(testImage).inspect().then(
        () => undefined,
        () => `the container engine has no image ${testImage}: scripts/image --stand-in ${testImage}`,
      ),
    () => 'no container engine answers: scripts/engine up',
  );
  if (reason === undefined) return docker;
  if (process.env['INSTAINFER_TEST_ENGINE'] === 'required') throw new Error(reason);
  process.stdout.write(`    skipped: ${reason}\n`);
  context.skip();
}

export interface RunOptions {
  readonly image?: string;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly memoryBytes?: number;
  /** Folders of this machine, by the path at which the container sees them, read only. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Size of a /tmp of its own. */
  readonly temporaryBytes?: number;
}

let count = 0;

/** A container of the image under test, with the limits and capabilities a stock invoker gives it. */
export class DockerRuntime {
  readonly baseUrl: string;
  readonly container: Docker.Container;
  private removal: Promise<void> | undefined;

  private constructor(container: Docker.Container, baseUrl: string) {
    this.container = container;
    this.baseUrl = baseUrl;
  }

  /** Resolves when its proxy listens, on the port that the environment's PORT says, else on 8080. */
  static async start(docker: Docker, environment: Readonly<Record<string, string>> = {}, { image = testImage, name, labels = {}, memoryBytes = 512 * 2 ** 20, folders = {}, temporaryBytes }: RunOptions = {}): Promise<DockerRuntime> {
    count += 1;
    const container = await docker.createContainer({
      name: name ?? `instainfer-test-${process.pid}-${count}`,
      Labels: { ...labels },
      Image: image,
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      HostConfig: {
        Memory: memoryBytes,
        MemorySwap: memoryBytes,
        CapDrop: ['NET_RAW', 'NET_ADMIN'],
        PidsLimit: 1024,
        Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 1024 }],
        LogConfig: { Type: 'json-file', Config: {} },
        Binds: Object.entries(folders).map(([inside, folder]) => `${folder}:${inside}:ro`),
        ...(temporaryBytes === undefined ? {} : { Tmpfs: { '/tmp': `rw,exec,size=${temporaryBytes},mode=1777` } }),
      },
    });
    try {
      await container.start();
      const address = Object.values((await container.inspect()).NetworkSettings.Networks)[0]?.IPAddress ?? '';
      const runtime = new DockerRuntime(container, `http://${address}:${environment['PORT'] ?? 8080}`);
      await runtime.listening();
      return runtime;
    } catch (error) {
      await container.remove({ force: true });
      throw error;
    }
  }

  call(method: 'GET' | 'POST', route: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    return callRuntime(this.baseUrl, method, route, body, headers);
  }

  /** Ends it as an invoker or Kubernetes would; resolves to its exit code, and it is removed. */
  async stop(): Promise<number> {
    await this.container.stop({ t: graceSeconds }).catch((error: unknown) => {
      // The engine answers so of a container that has ended.
      if ((error as { statusCode?: number }).statusCode !== 304) throw error;
    });
    const { State } = await this.container.inspect();
    await this.remove();
    return State.ExitCode;
  }

  /** Everything logged, once each stream holds `markers` end markers; the engine writes logs a moment after the reply. */
  async readLogs(markers = 0): Promise<Logs> {
    const giveUpAt = performance.now() + logTimeoutMs;
    const countIn = (text: string): number => text.split(marker).length - 1;
    if (markers === 0) await sleep(quietMs);
    for (;;) {
      const logs = await this.currentLogs();
      if ((countIn(logs.stdout) >= markers && countIn(logs.stderr) >= markers) || performance.now() > giveUpAt) return logs;
      await sleep(20);
    }
  }

  /** Kills and removes it. Idempotent. */
  remove(): Promise<void> {
    this.removal ??= this.container.remove({ force: true, v: true }).then(() => undefined);
    return this.removal;
  }

  private async currentLogs(): Promise<Logs> {
    const frames = await this.container.logs({ stdout: true, stderr: true, follow: false });
    const parts: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
    for (const frame of new FrameDecoder().push(frames)) parts[frame.stream].push(frame.text);
    return { stdout: Buffer.concat(parts.stdout).toString('utf8'), stderr: Buffer.concat(parts.stderr).toString('utf8') };
  }

  /** A request nobody serves tells that somebody listens, whatever the runtime. */
  private async listening(): Promise<void> {
    const giveUpAt = performance.now() + startTimeoutMs;
    for (;;) {
      try {
        await callRuntime(this.baseUrl, 'GET', '/');
        return;
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        await sleep(20);
      }
    }
  }
}
