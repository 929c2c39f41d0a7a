// Sizes as OpenWhisk writes them.
import { strict as assert } from 'node:assert';
import { bytesOfSize } from '../messages/byte-size.ts';

describe('a size', () => {
  for (const [text, bytes] of [
    ['2147483648 B', 2 ** 31],
    ['256 MB', 256 * 2 ** 20],
    ['1 g', 2 ** 30],
    ['3KB', 3072],
    ['0 B', 0],
  ] as const) {
    it(`reads '${text}' as ${bytes} bytes`, () => {
      assert.equal(bytesOfSize(text), bytes);
    });
  }

  it('is none without a number or with an unknown unit', () => {
    for (const text of ['', 'MB', '12', '1 TB', '-1 MB', '1.5 GB']) assert.equal(bytesOfSize(text), undefined, text);
  });
});
