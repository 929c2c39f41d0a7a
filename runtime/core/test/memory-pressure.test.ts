import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { loadReserveBytes, nextSampleDelayMs, pressureOf, type MemorySample } from '../memory-pressure.ts';

const megabytes = 1e6;
const sample = (usedMegabytes: number, at = 0, promisedMegabytes = 0): MemorySample => ({
  at,
  limitBytes: 256 * megabytes,
  usedBytes: usedMegabytes * megabytes,
  promisedBytes: promisedMegabytes * megabytes,
});

describe('memory pressure', () => {
  it('is none while enough is free', () => {
    assert.deepEqual(pressureOf(sample(200), undefined), { excessBytes: 0, mustHold: false });
  });

  it('begins below a twentieth of the limit, and asks for as much as loads may fill up again', () => {
    const { excessBytes, mustHold } = pressureOf(sample(245), undefined);
    // 256 MB less 245 leaves 11; wanted are 25.6.
    assert.equal(Math.round(excessBytes / 1e5), 146);
    assert.equal(mustHold, false);
  });

  it('holds what grows where killing would come too late', () => {
    assert.equal(pressureOf(sample(251), undefined).mustHold, true);
    assert.equal(pressureOf(sample(300), undefined).mustHold, true);
  });

  it('comes early where memory grows fast: at 1 MB a millisecond the limit is 100 ms away', () => {
    assert.equal(pressureOf(sample(150, 10), sample(150, 0)).excessBytes, 0);
    assert.ok(pressureOf(sample(160, 10), sample(150, 0)).excessBytes > 0);
    assert.equal(pressureOf(sample(160, 10), sample(150, 0)).mustHold, false);
    assert.equal(pressureOf(sample(210, 10), sample(200, 0)).mustHold, true);
  });

  it('does not take a promise for growth, nor what grows within one', () => {
    assert.equal(pressureOf(sample(200, 10, 50), sample(150, 0, 0)).excessBytes, 0);
    assert.equal(pressureOf(sample(200, 10, 10), sample(200, 0, 50)).excessBytes, 0);
  });

  it('takes what grows beyond its promise for growth', () => {
    assert.ok(pressureOf(sample(220, 10, 0), sample(200, 0, 0)).excessBytes > 0);
  });

  it('is looked for sooner the less is free, and never later than the fastest growth needs', () => {
    const drawn = fc.record({ used: fc.double({ min: 0, max: 300, noNaN: true }), more: fc.double({ min: 0, max: 50, noNaN: true }) });
    fc.assert(
      fc.property(drawn, ({ used, more }) => {
        const delayMs = nextSampleDelayMs(sample(used));
        assert.ok(delayMs >= nextSampleDelayMs(sample(used + more)));
        assert.ok(delayMs >= 2 && delayMs <= 500);
        const afterwards = sample(used + 6 * delayMs, delayMs);
        if (delayMs > 2) assert.ok(afterwards.usedBytes <= afterwards.limitBytes, `${used} MB, looked at again after ${delayMs} ms`);
      }),
    );
  });

  it('once relieved is gone: what is asked for suffices', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 256, noNaN: true }), (used) => {
        const { excessBytes } = pressureOf(sample(used), undefined);
        assert.equal(pressureOf(sample(used - excessBytes / megabytes), undefined).excessBytes, 0);
      }),
    );
  });

  it('leaves a tenth of the limit to activations', () => {
    assert.equal(loadReserveBytes(200), 20);
  });
});
