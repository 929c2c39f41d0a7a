// Messages between the proxy and a slot, as frames: one end for each of the two. What comes from a slot is checked
// here, because a slot runs user code, and user code that wants to can write to the channel.
import type { Duplex, Writable } from 'node:stream';
import type { LoadedArtifact } from '../protocol.ts';
import { FrameError, frameKinds, FrameReader, FrameWriter, type Frame } from './frames.ts';
import { isRunStatus, maxReplyBodyBytes, type FromSlot, type RanReply, type ToSlot } from './messages.ts';
import { checkedArtifacts, checkedMessage } from './slot-message-check.ts';

/** The descriptor at which a slot finds its end of the channel. */
export const channelDescriptor = 3;

/** Bound of the frames that are JSON messages of a slot: errors and lists of artifacts. */
const maxMessageFrameBytes = 2 ** 20;
const maxArtifactsBytes = 2 ** 18;
const ranPrefixBytes = 4 + 2 + 8 + 8 + 8 + 4;
/** Stands for an amount that is not known. */
const unknownAmount = -1;
const maxFrameFromSlotBytes = maxReplyBodyBytes + maxArtifactsBytes + ranPrefixBytes + 1;
/** What the proxy sends is trusted; its size is bounded by that of a request body. */
const maxFrameToSlotBytes = 2 ** 30;

/** So many messages that nobody asked for are overlooked: user code has written them. */
const maxUnaskedMessages = 16;

const nothing = Buffer.alloc(0);

/** The proxy's end. */
export class ProxyChannel {
  private readonly writer: FrameWriter;
  private readonly runPrefix = Buffer.alloc(4);
  private artifacts: LoadedArtifact[] = [];
  private isFlushDue = false;
  private readonly runsUnderWay = new Set<number>();
  private unaskedMessages = 0;

  /**
   * @param onMessage what the slot says, checked; false when nobody has asked for it
   * @param onBroken called once when the slot has closed its end, sent something that is no frame or no valid one, or too
   *   much that nobody has asked for
   */
  constructor(stream: Duplex, onMessage: (message: FromSlot) => boolean, onBroken: () => void) {
    this.writer = new FrameWriter(stream);
    const reader = new FrameReader(maxMessageFrameBytes);
    stream.on('data', (chunk: Buffer) => {
      try {
        // Only who was asked for a result may take up the room of one.
        reader.maxFrameBytes = this.runsUnderWay.size > 0 ? maxFrameFromSlotBytes : maxMessageFrameBytes;
        for (const frame of reader.push(chunk)) {
          const message = this.decode(frame);
          if (message === undefined || !onMessage(message)) this.overlook();
        }
      } catch {
        stream.removeAllListeners('data');
        stream.destroy();
      }
    });
    stream.once('close', onBroken);
    // A slot that ends may take a write with it; its exit says so.
    stream.on('error', () => undefined);
  }

  send(message: Exclude<ToSlot, { type: 'run' }>): void {
    this.writer.add(frameKinds.message, nothing, Buffer.from(JSON.stringify(message)));
    this.writer.flush();
  }

  /** @param isAlone no other run is likely to follow in this turn of the event loop, so that there is nothing to wait for */
  run(id: number, body: Buffer, isAlone: boolean): void {
    this.runsUnderWay.add(id);
    this.runPrefix.writeUInt32LE(id);
    this.writer.add(frameKinds.run, this.runPrefix, body);
    if (isAlone) this.writer.flush();
    else this.flushThisTurn();
  }

  /** Requests that arrive together go out together: at the end of this turn of the event loop. */
  private flushThisTurn(): void {
    if (this.isFlushDue) return;
    this.isFlushDue = true;
    setImmediate(() => {
      this.isFlushDue = false;
      this.writer.flush();
    });
  }

  private overlook(): void {
    this.unaskedMessages += 1;
    if (this.unaskedMessages > maxUnaskedMessages) throw new FrameError('More messages than were asked for.');
  }

  private decode({ kind, content }: Frame): FromSlot | undefined {
    if (kind === frameKinds.ran) return this.decodeRan(content);
    if (kind !== frameKinds.message || content.length > maxMessageFrameBytes) throw new FrameError(`A frame of kind ${kind} with ${content.length} bytes.`);
    // What is not one of our messages was written by user code; nobody waits for it.
    return checkedMessage(jsonOf(content));
  }

  private decodeRan(content: Buffer): RanReply {
    if (content.length < ranPrefixBytes) throw new FrameError('A reply without its numbers.');
    const status = content.readUInt16LE(4);
    const [loadMs, evictionMs] = [content.readDoubleLE(6), content.readDoubleLE(14)];
    const diskBytes = content.readDoubleLE(22);
    const bodyAt = ranPrefixBytes + content.readUInt32LE(30);
    if (!isRunStatus(status) || !(loadMs >= 0 && evictionMs >= 0 && loadMs + evictionMs < Infinity) || bodyAt > content.length) throw new FrameError('A reply whose numbers cannot be.');
    if (bodyAt > ranPrefixBytes) {
      const artifacts = checkedArtifacts(jsonOf(content.subarray(ranPrefixBytes, bodyAt)));
      if (artifacts === undefined) throw new FrameError('A reply whose artifacts are none.');
      this.artifacts = artifacts;
    }
    const id = content.readUInt32LE(0);
    this.runsUnderWay.delete(id);
    return { type: 'ran', id, status, loadMs, evictionMs, diskBytes: diskBytes >= 0 && diskBytes < Infinity ? diskBytes : undefined, artifacts: this.artifacts, body: content.subarray(bodyAt) };
  }
}

/** The slot's end. */
export class SlotChannel {
  private readonly writer: FrameWriter;
  private readonly reader = new FrameReader(maxFrameToSlotBytes);
  private readonly onMessage: (message: ToSlot) => void;
  private readonly ranPrefix = Buffer.alloc(ranPrefixBytes);
  private toldArtifacts = '[]';

  /** @param onMessage the body of a run is a view of what was {@link take}n: to be read at once */
  constructor(stream: Writable, onMessage: (message: ToSlot) => void) {
    this.writer = new FrameWriter(stream);
    this.onMessage = onMessage;
    stream.on('error', () => undefined);
  }

  /** What the proxy has sent. */
  take(chunk: Buffer): void {
    for (const { kind, content } of this.reader.push(chunk)) {
      this.onMessage(kind === frameKinds.run ? { type: 'run', id: content.readUInt32LE(0), body: content.subarray(4) } : (JSON.parse(content.toString('utf8')) as ToSlot));
    }
  }

  send(message: Exclude<FromSlot, { type: 'ran' }>): void {
    this.writer.add(frameKinds.message, nothing, Buffer.from(JSON.stringify(message)));
    this.writer.flush();
  }

  /** Adds a reply; it leaves with the next {@link flush}. */
  addRan({ id, status, loadMs, evictionMs, diskBytes = unknownAmount, artifacts, body }: RanReply): void {
    const text = JSON.stringify(artifacts);
    const changed = text === this.toldArtifacts ? nothing : Buffer.from(text);
    this.toldArtifacts = text;
    const prefix = changed.length === 0 ? this.ranPrefix : Buffer.concat([this.ranPrefix, changed]);
    prefix.writeUInt32LE(id, 0);
    prefix.writeUInt16LE(status, 4);
    prefix.writeDoubleLE(loadMs, 6);
    prefix.writeDoubleLE(evictionMs, 14);
    prefix.writeDoubleLE(diskBytes, 22);
    prefix.writeUInt32LE(changed.length, 30);
    this.writer.add(frameKinds.ran, prefix, body);
  }

  flush(): void {
    this.writer.flush();
  }
}

function jsonOf(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    return undefined;
  }
}
