// The process inside a slot: takes messages from the proxy, holds an action's artifacts, runs its code. Everything an
// action's author writes is executed here and nowhere else.
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { Socket, type ConnectOpts, type SocketConstructorOpts } from 'node:net';
import path from 'node:path';
import { artifactCount } from '../artifact-count.ts';
import type { LoadedArtifact } from '../protocol.ts';
import { evaluateSource, requireArchive } from './action-code.ts';
import { errorBody, runActivation, type Handler, type Outcome } from './activation.ts';
import { unpack } from './archive.ts';
import { ArtifactRegistry } from './artifact-registry.ts';
import { modelEnvironment } from './model-environment.ts';
import { writeLogMarkers } from './log-markers.ts';
import { maxMessageLength, maxReplyBodyBytes, maxReportedArtifacts, slotSettingsVariable, type ActionCode, type FromSlot, type RanReply, type SlotSettings, type ToSlot } from './messages.ts';
import { rehearse } from './rehearsal.ts';
import { RunReplies } from './run-replies.ts';
import { channelDescriptor, SlotChannel } from './slot-channel.ts';
import { messageOf, stackOf } from './thrown.ts';

/** What is read from the proxy at once: as much as Node.js would ask for each time anew. */
const readBytes = 64 * 1024;

type Answer = Exclude<FromSlot, RanReply>;

class SlotProcess {
  private readonly settings: SlotSettings;
  private readonly channel: SlotChannel;
  private readonly replies: RunReplies;
  private readonly registry: ArtifactRegistry;
  private actionDir: string;
  private handler: Handler | undefined;

  constructor(settings: SlotSettings) {
    this.settings = settings;
    const stream = this.openStream();
    this.channel = new SlotChannel(stream, (message) => {
      this.receive(message);
    });
    this.replies = new RunReplies(this.channel);
    this.actionDir = settings.directory;
    this.registry = new ArtifactRegistry(settings, settings.directory);
    this.registry.publish();
  }

  private openStream(): Socket {
    // Always into the same buffer: a stream takes a new one from the allocator for each time, and leaves an eighth of a run's garbage.
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const callback = (bytes: number): boolean => {
      this.channel.take(buffer.subarray(0, bytes));
      return true;
    };
    const options: SocketConstructorOpts & ConnectOpts = { fd: channelDescriptor, readable: true, writable: true, onread: { buffer, callback } };
    const stream = new Socket(options);
    stream.once('close', () => {
      // The proxy is gone; whatever this slot has started goes with it.
      process.kill(-process.pid, 'SIGKILL');
    });
    return stream;
  }

  async prepare(): Promise<void> {
    // On the stock runtime an action finds nothing prepared.
    if (this.settings.loading === 'mapped') {
      await this.registry.prepare();
      await rehearse(this.settings.directory);
    }
    this.channel.send({ type: 'ready' });
  }

  private receive(message: ToSlot): void {
    if (message.type === 'run') void this.run(message);
    else
      void this.answer(message).then((reply) => {
        this.channel.send(reply);
      });
  }

  private async answer(message: Exclude<ToSlot, { type: 'run' }>): Promise<Answer> {
    switch (message.type) {
      case 'load':
        return this.load(message).catch((error: unknown) => failure(message.id, messageOf(error)));
      case 'init':
        return this.init(message).catch((error: unknown) => this.failedInit(message.id, error));
      case 'wake':
        Object.assign(process.env, message.env);
        return { type: 'initialised', id: message.id, artifacts: this.artifacts, loadMs: 0, evictionMs: 0 };
      case 'release':
        await this.registry.pipelines.release(message.parts);
        return { type: 'loaded', id: message.id, artifacts: this.artifacts, evictionMs: 0 };
    }
  }

  private async load(message: ToSlot & { type: 'load' }): Promise<Answer> {
    this.registry.residentElsewhere = message.residentModels;
    if (message.archive !== undefined) {
      await this.unpackOnce(message.archive);
      this.registry.enter(this.actionDir);
    }
    const spent = this.stopwatch();
    // Where the request declares nothing, the archive may.
    await this.registry.loadAhead(artifactCount(message.artifacts) > 0 ? message.artifacts : this.registry.declared);
    return { type: 'loaded', id: message.id, artifacts: this.artifacts, evictionMs: spent().evictionMs, diskBytes: this.registry.clock.disk.end() };
  }

  private async init(message: ToSlot & { type: 'init' }): Promise<Answer> {
    this.registry.residentElsewhere = message.residentModels;
    const spent = this.stopwatch();
    if (message.action?.binary === false) {
      await this.enter(message.env);
      this.handler = evaluateSource(message.action.code, message.main, this.actionDir);
    } else {
      if (message.action !== undefined) await this.unpackOnce(message.action);
      process.chdir(this.actionDir);
      await this.enter(message.env);
      this.handler = await requireArchive(message.main, this.actionDir);
    }
    return { type: 'initialised', id: message.id, artifacts: this.artifacts, ...spent(), diskBytes: this.registry.clock.disk.lap() };
  }

  /** Before any of the action's code runs. What /init gives goes before where the declared models lie. */
  private async enter(env: Readonly<Record<string, string>>): Promise<void> {
    this.registry.enter(this.actionDir);
    Object.assign(process.env, modelEnvironment(await this.registry.declaredPaths()), env);
  }

  private async unpackOnce(action: ActionCode): Promise<void> {
    const name = createHash('sha256').update(action.code).digest('hex').slice(0, 16);
    const directory = path.join(this.settings.directory, `action-${name}`);
    await mkdir(directory);
    await unpack(Buffer.from(action.code, 'base64'), directory, this.settings.maxArchiveBytes);
    this.actionDir = directory;
  }

  private async failedInit(id: number, error: unknown): Promise<Answer> {
    process.stderr.write(`${stackOf(error)}\n`);
    await writeLogMarkers();
    return failure(id, stackOf(error));
  }

  private async run(message: ToSlot & { type: 'run' }): Promise<void> {
    this.replies.begin();
    const spent = this.stopwatch();
    const outcome: Outcome =
      this.handler === undefined ? { status: 403, body: errorBody('System not initialized.'), ran: false } : withinBounds(await runActivation(this.handler, message.body));
    const { loadMs, evictionMs } = spent();
    const diskBytes = this.registry.clock.disk.end();
    if (outcome.logLine !== undefined) process.stderr.write(`${outcome.logLine}\n`);
    // Field by field: objects spread into this one would leave, with each run, what outlives collections of the young generation.
    this.replies.end({ type: 'ran', id: message.id, status: outcome.status, body: outcome.body, artifacts: this.artifacts, loadMs, evictionMs, diskBytes }, outcome.ran);
  }

  private get artifacts(): LoadedArtifact[] {
    return this.registry.report().slice(0, maxReportedArtifacts);
  }

  /** What the registry has spent on loading and on evicting since now. */
  private stopwatch(): () => { loadMs: number; evictionMs: number } {
    const { clock, evictionMs } = this.registry;
    const loadMs = clock.elapsedMs;
    return () => ({ loadMs: clock.elapsedMs - loadMs, evictionMs: this.registry.evictionMs - evictionMs });
  }
}

const failure = (id: number, text: string): Answer => ({ type: 'failed', id, message: text.slice(0, maxMessageLength) });

function withinBounds(outcome: Outcome): Outcome {
  if (outcome.body.length <= maxReplyBodyBytes) return outcome;
  return { status: 502, body: errorBody(`The result has ${outcome.body.length} bytes; at most ${maxReplyBodyBytes} are allowed.`), ran: true };
}

function start(): void {
  const settings = process.env[slotSettingsVariable];
  if (settings === undefined) throw new Error('A slot is started by the runtime proxy only.');
  // From here on user code does not find the settings.
  Reflect.deleteProperty(process.env, slotSettingsVariable);
  // Files are the slot's own business, whatever else runs in the container.
  process.umask(0o077);
  const slot = new SlotProcess(JSON.parse(settings) as SlotSettings);
  void slot.prepare();
}

start();
