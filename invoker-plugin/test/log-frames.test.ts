import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { FrameDecoder, LineAssembler, type LogFrame, type LogStream } from '../drivers/log-frames.ts';

function encoded({ stream, text }: LogFrame): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stderr' ? 2 : 1;
  header.writeUInt32BE(text.length, 4);
  return Buffer.concat([header, text]);
}

const frameArbitrary = fc.record(
  { stream: fc.constantFrom<LogStream>('stdout', 'stderr'), text: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { noNullPrototype: true },
);

describe('the frames of a log stream', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frameArbitrary), fc.array(fc.integer({ min: 1, max: 20 })), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(encoded));
        const decoder = new FrameDecoder();
        const decoded: LogFrame[] = [];
        let at = 0;
        for (const size of cuts) {
          decoded.push(...decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        decoded.push(...decoder.push(bytes.subarray(at)));
        assert.deepEqual(decoded, frames);
      }),
    );
  });
});

describe('the lines of a log stream', () => {
  const linesOf = (frames: readonly [LogStream, string][], ends = true): string[] => {
    const lines: string[] = [];
    const assembler = new LineAssembler((stream, line, time) => lines.push(`${stream} ${time} ${line}`));
    for (const [stream, text] of frames) assembler.take({ stream, text: Buffer.from(text) });
    if (ends) assembler.end();
    return lines;
  };

  it('carry the time the engine stamped on them', () => {
    assert.deepEqual(linesOf([['stdout', '2026-01-02T03:04:05.123456789Z hello world\n']]), ['stdout 2026-01-02T03:04:05.123456789Z hello world']);
  });

  it('are put together again where the engine has cut them, streams apart', () => {
    const frames: [LogStream, string][] = [
      ['stdout', 'T1 one '],
      ['stderr', 'T2 other\n'],
      ['stdout', 'T3 line\n'],
    ];
    assert.deepEqual(linesOf(frames), ['stderr T2 other', 'stdout T1 one line']);
  });

  it('include an empty one, and at the end one without a line feed', () => {
    assert.deepEqual(linesOf([['stdout', 'T1 \n'], ['stdout', 'T2 last']], false), ['stdout T1 ']);
    assert.deepEqual(linesOf([['stdout', 'T1 \n'], ['stdout', 'T2 last']]), ['stdout T1 ', 'stdout T2 last']);
  });
});
