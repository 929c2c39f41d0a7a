// Records between the broker and a reader that is slower than it.
import { strict as assert } from 'node:assert';
import { RecordBuffer } from '../bus/kafka/record-buffer.ts';
import type { BusRecord } from '../bus/bus.ts';
import { eventually } from '../testing/eventually.ts';

const record = (offset: number): BusRecord => ({ topic: 't', partition: 0, offset, key: null, value: 'x', publishedAt: 0 });
const longMs = 60_000;

describe('the buffer of a reader on Kafka', () => {
  let buffer: RecordBuffer;
  let handOn: (() => void)[];

  beforeEach(() => {
    handOn = [];
    buffer = new RecordBuffer({ topic: 't', from: 'earliest', handle: () => new Promise<void>((resolve) => handOn.push(resolve)), onError: assert.ifError });
  });
  const fill = (): void => {
    buffer.add(Array.from({ length: buffer.room }, (_, index) => record(index)));
  };
  /** Lets so many handlers end, one after the other. */
  const handle = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1) {
      await eventually(() => handOn.length > 0, 'the next record is handed over');
      handOn.shift()?.();
    }
    await eventually(() => handOn.length > 0, 'the one after it is handed over');
  };

  it('takes in nothing more once it was full, until half of it is handed over', async () => {
    fill();
    assert.equal(buffer.room, 0);
    let isRoomy = false;
    const waiting = buffer.untilRoom(longMs).then(() => {
      isRoomy = true;
    });
    await handle(62);
    assert.ok(!isRoomy, 'it waits for half of them');
    await handle(2);
    await waiting;
    assert.ok(buffer.room >= 64);
    for (const end of handOn) end();
  });

  it('is not waited for longer than is asked, nor when it is closed', async () => {
    fill();
    await buffer.untilRoom(1);
    await eventually(() => handOn.length === 1, 'the first is handed over');
    const waiting = buffer.untilRoom(longMs);
    const closed = buffer.close();
    await waiting;
    handOn[0]?.();
    assert.equal((await closed).length, 127);
  });
});
