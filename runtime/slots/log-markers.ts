// The end-of-activation marker that OpenWhisk's invoker waits for on both log streams.
// It goes straight to the descriptor where nothing is waiting in the stream: a third of the cost, and out of reach of
// user code that replaces `write`. Where something waits, it goes behind that.
import { writeSync } from 'node:fs';

const marker = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';

/** So many markers are less than the 4096 bytes that a pipe takes whole or not at all. */
const maxMarkersAtOnce = 100;

type Write = (text: string, done: (error?: Error | null) => void) => boolean;
interface LogStream {
  readonly stream: NodeJS.WriteStream;
  readonly descriptor: number;
  /** Bound as it is when this module is loaded, before any user code. */
  readonly write: Write;
}
const logStreams: readonly LogStream[] = [process.stdout, process.stderr].map((stream, index) => {
  const write: Write = stream.write.bind(stream);
  // Whoever reads the log may be gone (EPIPE): no reason to end what runs.
  stream.on('error', () => undefined);
  return { stream, descriptor: index + 1, write };
});

/**
 * Writes so many markers to each of the two streams.
 * @returns undefined when the operating system has them all already; else a promise that resolves when it has
 */
export function writeLogMarkers(count = 1): Promise<void> | undefined {
  let waiting: Promise<void>[] | undefined;
  for (let left = count; left > 0; left -= maxMarkersAtOnce) {
    const text = marker.repeat(Math.min(left, maxMarkersAtOnce));
    for (const logStream of logStreams) {
      const rest = text.slice(writeAtOnce(logStream, text));
      if (rest !== '') (waiting ??= []).push(writeThrough(logStream, rest));
    }
  }
  return waiting === undefined ? undefined : Promise.all(waiting).then(() => undefined);
}

/** @returns how much of the text has been written */
function writeAtOnce({ stream, descriptor }: LogStream, text: string): number {
  if (stream.writableLength > 0 || stream.writableEnded || stream.destroyed) return 0;
  try {
    return writeSync(descriptor, text);
  } catch {
    // EAGAIN: the reader is behind. Anything else the stream finds out as well.
    return 0;
  }
}

function writeThrough({ stream, write }: LogStream, text: string): Promise<void> {
  return new Promise((resolve) => {
    // A stream that user code has ended takes nothing any more; whoever reads it sees its end instead.
    if (stream.writableEnded || stream.destroyed) resolve();
    else
      write(text, () => {
        resolve();
      });
  });
}
