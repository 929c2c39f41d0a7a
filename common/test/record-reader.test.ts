import { strict as assert } from 'node:assert';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { BusRecord } from '../bus/bus.ts';
import { cacheInvalidationSchema } from '../messages/cache-invalidation.ts';
import { RecordReader } from '../messages/record-reader.ts';

describe('the reader of records', () => {
  const recordOf = (value: string | null): BusRecord => ({ topic: 'cacheInvalidation', partition: 0, offset: 7, key: null, value, publishedAt: 1 });
  let lines: string[];
  let reader: RecordReader;

  beforeEach(() => {
    lines = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    reader = new RecordReader(pino(sink));
  });

  it('gives the message of a readable record and logs nothing', () => {
    const message = reader.read(cacheInvalidationSchema, recordOf('{"key":{"mainId":"guest/a"},"instanceId":"controller0"}'));
    assert.equal(message?.key.mainId, 'guest/a');
    assert.deepEqual(lines, []);
    assert.equal(reader.unreadable.size, 0);
  });

  for (const { title, value } of [
    { title: 'is not JSON', value: 'secret-token {' },
    { title: 'is another message', value: '{"secret-token":1}' },
    { title: 'is a tombstone', value: null },
    { title: 'is empty', value: '' },
    { title: 'is a JSON null', value: 'null' },
  ]) {
    it(`skips a record that ${title}: logs its place but not its content, and counts it`, () => {
      assert.equal(reader.read(cacheInvalidationSchema, recordOf(value)), undefined);
      assert.equal(reader.unreadable.get('cacheInvalidation'), 1);
      const line = JSON.parse(lines.join('')) as Record<string, unknown>;
      assert.deepEqual([line['topic'], line['partition'], line['offset']], ['cacheInvalidation', 0, 7]);
      assert.ok(!lines.join('').includes('secret-token'));
    });
  }
});
