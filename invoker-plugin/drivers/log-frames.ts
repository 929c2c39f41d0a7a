// Cuts a container engine's log stream into lines: frames of an 8-byte header (stream, 3 zeroes, length in big endian) and
// text, as the Engine API's "attach" section describes them. It knows no engine and no sockets.

export type LogStream = 'stdout' | 'stderr';

export interface LogFrame {
  readonly stream: LogStream;
  readonly text: Buffer;
}

const headerBytes = 8;

/** Frames of a stream that comes in pieces of any size. */
export class FrameDecoder {
  private chunks: Buffer[] = [];
  private bytes = 0;

  /** Takes a piece in; gives the frames it completes. */
  push(chunk: Buffer): LogFrame[] {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    const frames: LogFrame[] = [];
    for (let frame = this.next(); frame !== undefined; frame = this.next()) frames.push(frame);
    return frames;
  }

  private next(): LogFrame | undefined {
    if (this.bytes < headerBytes) return undefined;
    const header = this.peek(headerBytes);
    const length = header.readUInt32BE(4);
    if (this.bytes < headerBytes + length) return undefined;
    const text = this.peek(headerBytes + length).subarray(headerBytes);
    const stream = header[0] === 2 ? 'stderr' : 'stdout';
    this.drop(headerBytes + length);
    return { stream, text };
  }

  /** The first `length` bytes in one piece. */
  private peek(length: number): Buffer {
    const [first] = this.chunks;
    if (first === undefined || first.length < length) this.chunks = [Buffer.concat(this.chunks)];
    return (this.chunks[0] ?? Buffer.alloc(0)).subarray(0, length);
  }

  private drop(length: number): void {
    const rest = this.chunks[0]?.subarray(length);
    if (rest === undefined || rest.length === 0) this.chunks.shift();
    else this.chunks[0] = rest;
    this.bytes -= length;
  }
}

/**
 * Lines of frames that carry time stamps (`2026-01-02T03:04:05.123456789Z text`). The engine cuts long lines into several
 * frames, each with a stamp; such a line has the first one's.
 */
export class LineAssembler {
  private readonly open: Record<LogStream, { time: string; parts: string[] } | undefined> = { stdout: undefined, stderr: undefined };
  private readonly onLine: (stream: LogStream, line: string, time: string) => void;

  constructor(onLine: (stream: LogStream, line: string, time: string) => void) {
    this.onLine = onLine;
  }

  take({ stream, text }: LogFrame): void {
    const stamped = text.toString('utf8');
    const space = stamped.indexOf(' ');
    const part = stamped.slice(space + 1);
    const line = (this.open[stream] ??= { time: stamped.slice(0, Math.max(0, space)), parts: [] });
    if (!part.endsWith('\n')) {
      line.parts.push(part);
      return;
    }
    this.open[stream] = undefined;
    this.onLine(stream, line.parts.join('') + part.slice(0, -1), line.time);
  }

  /** The stream has ended: what has no line end yet is a line too. */
  end(): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      const line = this.open[stream];
      this.open[stream] = undefined;
      if (line !== undefined) this.onLine(stream, line.parts.join(''), line.time);
    }
  }
}
