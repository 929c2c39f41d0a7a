// The bytes between the proxy and a slot: frames, each with its length ahead, on one stream. Bodies of activations
// pass as they are; nothing on the path of a run is serialised twice. A frame is bounded, whoever has written it.
import type { Writable } from 'node:stream';

/**
 * A frame: length of what follows (32 bits), kind (8 bits), content.
 * `message`: JSON. `run`: id (32 bits), request body.
 * `ran`: id (32), status (16), loadMs, evictionMs and diskBytes (64 each, floating point; the last -1 where unknown), length of
 * the artifacts (32), the artifacts as JSON (nothing when they are what was told last), reply body. All numbers little-endian.
 */
export const frameKinds = { message: 0, run: 1, ran: 2 } as const;

/** Length and kind. */
const headBytes = 5;

/** Frames up to this size are copied into one write, larger ones go out in pieces without a copy. */
const maxCopiedBytes = 16 * 1024;

export interface Frame {
  readonly kind: number;
  /** A view of what was read: whoever keeps it past its turn copies it. */
  readonly content: Buffer;
}

/** The peer sent something that is no frame; there is no way to find the next one. */
export class FrameError extends Error {}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  /** Bound of the frames that begin from now on. */
  maxFrameBytes: number;
  /**
   * A frame, or the head of one, of which not everything is there yet. It has its full size from the start: however small
   * the pieces it comes in, it takes no more.
   */
  private partial: Buffer | undefined;
  private filledBytes = 0;

  constructor(maxFrameBytes: number) {
    this.maxFrameBytes = maxFrameBytes;
  }

  /** @throws FrameError for a frame that is too long or has no kind */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = chunk;
    while (this.partial !== undefined) {
      const takenBytes = rest.copy(this.partial, this.filledBytes);
      this.filledBytes += takenBytes;
      if (this.filledBytes < this.partial.length) return frames;
      rest = rest.subarray(takenBytes);
      const whole = this.partial;
      this.partial = undefined;
      this.cut(whole, frames);
    }
    this.cut(rest, frames);
    return frames;
  }

  private cut(bytes: Buffer, frames: Frame[]): void {
    let offset = 0;
    let wantedBytes = headBytes;
    while (bytes.length - offset >= headBytes) {
      const length = bytes.readUInt32LE(offset);
      if (length < 1 || length > this.maxFrameBytes) throw new FrameError(`A frame of ${length} bytes: at most ${this.maxFrameBytes} are allowed.`);
      const end = offset + 4 + length;
      if (end > bytes.length) {
        wantedBytes = end - offset;
        break;
      }
      frames.push({ kind: bytes.readUInt8(offset + 4), content: bytes.subarray(offset + headBytes, end) });
      offset = end;
    }
    if (offset === bytes.length) return;
    this.partial = Buffer.allocUnsafeSlow(wantedBytes);
    this.filledBytes = bytes.copy(this.partial, 0, offset);
  }
}

/** Writes frames to a stream; all that are added before a flush go out in one write, as far as they are small. */
export class FrameWriter {
  private readonly stream: Writable;
  private pending: Buffer[] = [];

  constructor(stream: Writable) {
    this.stream = stream;
  }

  /** @param prefix what comes ahead of the body in the content; it may be written over after this call */
  add(kind: number, prefix: Buffer, body: Uint8Array): void {
    const length = 1 + prefix.length + body.length;
    const head = Buffer.allocUnsafe(headBytes + prefix.length + (length <= maxCopiedBytes ? body.length : 0));
    head.writeUInt32LE(length, 0);
    head.writeUInt8(kind, 4);
    prefix.copy(head, headBytes);
    if (length <= maxCopiedBytes) head.set(body, headBytes + prefix.length);
    this.pending.push(head);
    if (length > maxCopiedBytes) this.pending.push(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
  }

  flush(): void {
    const { pending, stream } = this;
    if (pending.length === 0) return;
    this.pending = [];
    const [first] = pending;
    if (pending.length === 1 && first !== undefined) {
      stream.write(first);
      return;
    }
    stream.cork();
    for (const bytes of pending) stream.write(bytes);
    stream.uncork();
  }
}
