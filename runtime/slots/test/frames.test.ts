import { strict as assert } from 'node:assert';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { FrameError, FrameReader, FrameWriter } from '../frames.ts';

const frame = fc.record({ kind: fc.integer({ min: 0, max: 255 }), prefix: fc.uint8Array({ maxLength: 40 }), body: fc.uint8Array({ maxLength: 40_000, size: 'max' }) });

function written(frames: readonly { kind: number; prefix: Uint8Array; body: Uint8Array }[]): Buffer {
  const stream = new PassThrough({ highWaterMark: 2 ** 30 });
  const writer = new FrameWriter(stream);
  for (const { kind, prefix, body } of frames) writer.add(kind, Buffer.from(prefix), body);
  writer.flush();
  const bytes: unknown = stream.read();
  return Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0);
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 10 }), (frames, cuts) => {
        const bytes = written(frames);
        const reader = new FrameReader(100_000);
        const seen: { kind: number; content: string }[] = [];
        for (let offset = 0, turn = 0; offset < bytes.length; turn += 1) {
          const end = offset + (cuts[turn % cuts.length] ?? 1);
          for (const { kind, content } of reader.push(bytes.subarray(offset, end))) seen.push({ kind, content: content.toString('hex') });
          offset = end;
        }
        assert.deepEqual(
          seen,
          frames.map(({ kind, prefix, body }) => ({ kind, content: Buffer.concat([prefix, body]).toString('hex') })),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('are bounded, and the announcement alone is enough to see it', () => {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(1001);
    assert.throws(() => new FrameReader(1000).push(head), FrameError);
    head.writeUInt32LE(0);
    assert.throws(() => new FrameReader(1000).push(head), FrameError);
  });
});
