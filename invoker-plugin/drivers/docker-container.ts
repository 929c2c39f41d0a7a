// One container of a Docker engine as the invoker's drivers have it: its log, its end, pause and removal. How it was
// made is the driver's business.
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import type { Container, ContainerEnd, LogListener } from './driver.ts';
import { FrameDecoder, LineAssembler, type LogStream } from './log-frames.ts';

/** How often an engine that does not answer is asked again how the container is, and for how long. */
const askAgainMs = 500;
const giveUpMs = 30_000;

const pauseAttempts = 5;
const pauseAgainMs = 200;

const isGone = (error: unknown): boolean => error instanceof Error && 'statusCode' in error && (error.statusCode === 404 || error.statusCode === 409);
/** The engine's answer when there is nothing to change. */
const isUnchanged = (error: unknown): boolean => error instanceof Error && /is already paused|is not paused/.test(error.message);

export class DockerContainer implements Container {
  readonly containerId: string;
  readonly ended: Promise<ContainerEnd>;
  baseUrl = '';
  private readonly handle: Docker.Container;
  private readonly listeners: LogListener[] = [];
  private logStream: Readable | undefined;
  private removal: Promise<void> | undefined;

  /** @param handle a container that has been started */
  constructor(containerId: string, handle: Docker.Container) {
    this.containerId = containerId;
    this.handle = handle;
    this.ended = this.watchEnd();
  }

  /** Follows the log from its beginning; to be called once. */
  async followLog(): Promise<void> {
    const stream = (await this.handle.logs({ stdout: true, stderr: true, follow: true, timestamps: true })) as unknown as Readable;
    this.logStream = stream;
    const decoder = new FrameDecoder();
    const assembler = new LineAssembler((name: LogStream, line, time) => {
      for (const listener of this.listeners) listener(name, line, time);
    });
    stream.on('data', (chunk: Buffer) => {
      for (const frame of decoder.push(chunk)) assembler.take(frame);
    });
    stream.once('end', () => assembler.end());
    // An engine that goes away ends the log; the end of the container is heard elsewhere.
    stream.on('error', () => assembler.end());
  }

  onLog(listener: LogListener): void {
    this.listeners.push(listener);
  }

  async pause(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return void (await this.handle.pause());
      } catch (error) {
        if (isUnchanged(error)) return;
        // The engine cannot freeze a container that starts a process just then.
        if (isGone(error) || attempt === pauseAttempts) throw error;
        await sleep(pauseAgainMs);
      }
    }
  }

  async resume(): Promise<void> {
    await this.handle.unpause().catch((error: unknown) => {
      if (!isUnchanged(error)) throw error;
    });
  }

  remove(): Promise<void> {
    this.removal ??= this.end();
    return this.removal;
  }

  /** The container's address on its network. */
  async address(): Promise<string> {
    const { Networks } = (await this.handle.inspect()).NetworkSettings;
    return Object.values(Networks).find(({ IPAddress }) => IPAddress !== '')?.IPAddress ?? '';
  }

  private async end(): Promise<void> {
    await this.handle.remove({ force: true, v: true }).catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
    await this.ended;
    this.logStream?.destroy();
  }

  /** The engine tells when a container ends; one that was restarted meanwhile is asked. */
  private async watchEnd(): Promise<ContainerEnd> {
    let giveUpAt = performance.now() + giveUpMs;
    for (;;) {
      try {
        const { StatusCode } = (await this.handle.wait()) as { StatusCode: number };
        return await this.endOf(StatusCode);
      } catch (error) {
        if (isGone(error)) return { reason: 'removed', memoryExhausted: false };
        if (performance.now() > giveUpAt) return { reason: 'the container engine does not answer any more', memoryExhausted: false };
      }
      await sleep(askAgainMs);
      const answered = await this.handle.inspect().then(
        () => true,
        (error: unknown) => isGone(error),
      );
      if (answered) giveUpAt = performance.now() + giveUpMs;
    }
  }

  private async endOf(exitCode: number): Promise<ContainerEnd> {
    const state = await this.handle.inspect().then(
      ({ State }) => State,
      () => undefined,
    );
    const memoryExhausted = state?.OOMKilled === true;
    return { reason: memoryExhausted ? `out of memory (exit code ${exitCode})` : `exit code ${exitCode}`, memoryExhausted };
  }
}
