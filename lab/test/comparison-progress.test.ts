import { strict as assert } from 'node:assert';
import { ComparisonProgress } from '../comparison-progress.ts';

describe('ComparisonProgress', () => {
  const written: string[] = [];
  let now = 0;
  const begin = (isTTY: boolean): ComparisonProgress => {
    written.length = 0;
    now = 1000;
    return new ComparisonProgress({ write: (text) => written.push(text), isTTY }, () => now, '60 runs');
  };

  it('writes a line now and then, with what is left as things have gone so far', () => {
    const progress = begin(false);
    for (now = 1000; now <= 31_000; now += 1000) progress.report((now - 1000) / 90_000);
    assert.deepEqual(written, ['60 runs: 11.1 % after 10 s, about 1 min 20 s left\n', '60 runs: 22.2 % after 20 s, about 1 min 10 s left\n', '60 runs: 33.3 % after 30 s, about 1 min 0 s left\n']);
  });

  it('writes one line over again on a terminal, and leaves it empty', () => {
    const progress = begin(true);
    for (now = 1000; now <= 2000; now += 100) progress.report(0.5);
    progress.end();
    assert.equal(written.length, 4);
    assert.ok(written.every((text) => text.startsWith('\r\x1b[K') && !text.includes('\n')));
    assert.equal(written.at(-1), '\r\x1b[K');
  });

  it('writes nothing where it is over soon, and says how long it took', () => {
    const progress = begin(true);
    now += 100;
    progress.report(0.5);
    assert.equal(progress.end(), 100);
    assert.deepEqual(written, []);
  });
});
