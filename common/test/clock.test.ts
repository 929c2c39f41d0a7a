import { strict as assert } from 'node:assert';
import { SystemClock } from '../clock.ts';
import { FakeClock } from '../testing/fake-clock.ts';

describe('SystemClock', () => {
  it('tells epoch milliseconds that never go backwards', () => {
    const clock = new SystemClock();
    const readings = Array.from({ length: 1000 }, () => clock.now());
    assert.ok(readings.every((reading, index) => index === 0 || reading >= (readings[index - 1] ?? 0)));
    assert.ok((readings[0] ?? 0) > Date.UTC(2024, 0, 1));
  });

  it('never fires a timer before its time', async () => {
    const clock = new SystemClock();
    const atMs = clock.now() + 5.7;
    await new Promise<void>((resolve) => clock.setTimer(atMs, resolve));
    assert.ok(clock.now() >= atMs);
  });

  it('fires a timer of the past at the next turn, not within the call', async () => {
    const clock = new SystemClock();
    let fired = false;
    const done = new Promise<void>((resolve) => {
      clock.setTimer(0, () => {
        fired = true;
        resolve();
      });
    });
    assert.equal(fired, false);
    await done;
    assert.equal(fired, true);
  });

  it('does not fire a cancelled timer, nor one further away than setTimeout can count', async () => {
    const clock = new SystemClock();
    const fired: string[] = [];
    const cancelNear = clock.setTimer(clock.now() + 1, () => fired.push('near'));
    const cancelFar = clock.setTimer(clock.now() + 2 ** 40, () => fired.push('far'));
    cancelNear();
    await new Promise<void>((resolve) => clock.setTimer(clock.now() + 10, resolve));
    cancelFar();
    assert.deepEqual(fired, []);
  });
});

describe('FakeClock', () => {
  it('fires due timers in the order of their times and lets them see their own time', () => {
    const clock = new FakeClock(100);
    const seen: [string, number][] = [];
    clock.setTimer(130, () => seen.push(['late', clock.now()]));
    clock.setTimer(110, () => {
      seen.push(['early', clock.now()]);
      clock.setTimer(120, () => seen.push(['nested', clock.now()]));
    });
    const cancel = clock.setTimer(115, () => seen.push(['cancelled', clock.now()]));
    cancel();
    clock.advance(25);
    assert.deepEqual(seen, [['early', 110], ['nested', 120]]);
    assert.equal(clock.now(), 125);
    assert.equal(clock.pendingTimers, 1);
  });
});
