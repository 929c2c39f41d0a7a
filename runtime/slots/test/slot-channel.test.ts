// Both ends of the channel on a pair of streams, and what the proxy's end makes of bytes that no slot of ours would send.
import { strict as assert } from 'node:assert';
import { duplexPair, type Duplex } from 'node:stream';
import fc from 'fast-check';
import { frameKinds, FrameWriter } from '../frames.ts';
import type { FromSlot, RanReply, ToSlot } from '../messages.ts';
import { ProxyChannel, SlotChannel } from '../slot-channel.ts';

interface Ends {
  readonly proxy: ProxyChannel;
  /** The raw stream at the slot's end, which user code can write to. */
  readonly slotStream: Duplex;
  readonly received: FromSlot[];
  /** How often the proxy's end was told that the channel is no more. */
  broken: number;
}

function connected(): Ends {
  const [proxyStream, slotStream] = duplexPair();
  const received: FromSlot[] = [];
  const proxy = new ProxyChannel(
    proxyStream,
    (message) => received.push(message) > 0,
    () => {
      ends.broken += 1;
    },
  );
  const ends: Ends = { proxy, slotStream, received, broken: 0 };
  return ends;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ran = (id: number, artifacts: RanReply['artifacts'] = []): RanReply => ({ type: 'ran', id, status: 200, loadMs: 1.5, evictionMs: 0, diskBytes: undefined, artifacts, body: Buffer.from('{"a":1}') });

function frameBytes(kind: number, content: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32LE(content.length + 1);
  head.writeUInt8(kind, 4);
  return Buffer.concat([head, content]);
}

describe('the channel between proxy and slot', () => {
  it('carries messages and runs to the slot', async () => {
    const { proxy, slotStream } = connected();
    const seen: ToSlot[] = [];
    const slot = new SlotChannel(slotStream, (message) => seen.push(message));
    slotStream.on('data', (chunk: Buffer) => {
      slot.take(chunk);
    });
    proxy.send({ type: 'wake', id: 1, env: { A: 'ä' } });
    proxy.run(2, Buffer.from('body'), true);
    proxy.run(3, Buffer.alloc(0), false);
    await nextTurn();
    await nextTurn();
    assert.deepEqual(seen, [
      { type: 'wake', id: 1, env: { A: 'ä' } },
      { type: 'run', id: 2, body: Buffer.from('body') },
      { type: 'run', id: 3, body: Buffer.alloc(0) },
    ]);
  });

  it('tells artifacts when they change, and every reply has them', async () => {
    const { slotStream, received } = connected();
    const slot = new SlotChannel(slotStream, () => undefined);
    const artifacts = [{ name: 'resnet', kind: 'model' as const, loadMs: 3, bytes: 4 }];
    slot.send({ type: 'ready' });
    for (const reply of [ran(1), ran(2, artifacts), ran(3, artifacts), ran(4)]) slot.addRan(reply);
    slot.flush();
    await nextTurn();
    assert.deepEqual(received, [{ type: 'ready' }, ran(1), ran(2, artifacts), ran(3, artifacts), ran(4)]);
  });

  it('says what a load had read from the disk, or that nobody knows', async () => {
    const { slotStream, received } = connected();
    const slot = new SlotChannel(slotStream, () => undefined);
    const counted: RanReply = { ...ran(1), diskBytes: 123_456 };
    for (const reply of [counted, ran(2), { ...ran(3), diskBytes: 0 }]) slot.addRan(reply);
    slot.flush();
    slot.send({ type: 'loaded', id: 4, artifacts: [], evictionMs: 0, diskBytes: 7 });
    slotStream.write(frameBytes(frameKinds.message, Buffer.from('{"type":"loaded","id":5,"artifacts":[],"evictionMs":0,"diskBytes":-1}')));
    await nextTurn();
    const loaded = { type: 'loaded' as const, artifacts: [], evictionMs: 0 };
    assert.deepEqual(received, [counted, ran(2), { ...ran(3), diskBytes: 0 }, { ...loaded, id: 4, diskBytes: 7 }, { ...loaded, id: 5 }]);
  });

  it('ignores messages that are none of ours', async () => {
    const ends = connected();
    const { slotStream, received } = ends;
    for (const text of ['no json', '{}', '{"type":"loaded","id":-1}', '{"type":"ran","id":0,"status":200}']) slotStream.write(frameBytes(frameKinds.message, Buffer.from(text)));
    slotStream.write(frameBytes(frameKinds.message, Buffer.from('{"type":"ready"}')));
    await nextTurn();
    assert.deepEqual([received, ends.broken], [[{ type: 'ready' }], 0]);
  });

  it('is closed by more messages than were asked for', async () => {
    const ends = connected();
    ends.slotStream.on('error', () => undefined);
    for (let count = 0; count < 16; count++) ends.slotStream.write(frameBytes(frameKinds.message, Buffer.from('{}')));
    await nextTurn();
    assert.equal(ends.broken, 0);
    ends.slotStream.write(frameBytes(frameKinds.message, Buffer.from('{}')));
    await nextTurn();
    await nextTurn();
    assert.equal(ends.broken, 1);
  });

  it('takes a large reply from a slot that was asked to run, and from no other', async () => {
    const large = { ...ran(7), body: Buffer.alloc(3 * 2 ** 20) };
    for (const { isAsked, received, broken } of [
      { isAsked: true, received: 1, broken: 0 },
      { isAsked: false, received: 0, broken: 1 },
    ]) {
      const ends = connected();
      ends.slotStream.on('error', () => undefined);
      if (isAsked) ends.proxy.run(7, Buffer.alloc(0), true);
      const slot = new SlotChannel(ends.slotStream, () => undefined);
      slot.addRan(large);
      slot.flush();
      await nextTurn();
      await nextTurn();
      assert.deepEqual([ends.received.length, ends.broken], [received, broken]);
    }
  });

  const reply = (status: number, loadMs: number, artifactsBytes: number): Buffer => {
    const content = Buffer.alloc(26);
    content.writeUInt16LE(status, 4);
    content.writeDoubleLE(loadMs, 6);
    content.writeUInt32LE(artifactsBytes, 22);
    return frameBytes(frameKinds.ran, content);
  };
  for (const { title, bytes } of [
    { title: 'a frame of an unknown kind', bytes: frameBytes(9, Buffer.from('x')) },
    { title: 'a frame beyond the bound', bytes: Buffer.from([0xff, 0xff, 0xff, 0xff, 2]) },
    { title: 'a message beyond the bound', bytes: frameBytes(frameKinds.message, Buffer.alloc(2 ** 20 + 1)) },
    { title: 'a reply that is too short', bytes: frameBytes(frameKinds.ran, Buffer.alloc(10)) },
    { title: 'a reply with a status of its own', bytes: reply(204, 0, 0) },
    { title: 'a reply with a time that is no number', bytes: reply(200, Number.NaN, 0) },
    { title: 'a reply with a negative time', bytes: reply(200, -1, 0) },
    { title: 'a reply whose artifacts end behind it', bytes: reply(200, 0, 1) },
  ]) {
    it(`is closed by ${title}, once`, async () => {
      const ends = connected();
      ends.slotStream.on('error', () => undefined);
      ends.slotStream.write(Buffer.concat([bytes, bytes]));
      await nextTurn();
      await nextTurn();
      assert.deepEqual([ends.received.length, ends.broken], [0, 1]);
    });
  }

  it('never throws, whatever bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (noise, isFramed) => {
        const ends = connected();
        const { slotStream } = ends;
        slotStream.on('error', () => undefined);
        if (isFramed) {
          const writer = new FrameWriter(slotStream);
          writer.add(noise[0] ?? 0, Buffer.alloc(0), noise);
          writer.flush();
        } else slotStream.write(Buffer.from(noise));
        await nextTurn();
        assert.ok(ends.broken <= 1);
      }),
      { numRuns: 300 },
    );
  });
});
