import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import { IdlePause } from '../idle-pause.ts';

const graceMs = 10_000;

/** A container that takes a turn of the event loop to change, and notices when it is asked while it sleeps. */
class RecordedContainer {
  readonly calls: string[] = [];
  isPaused = false;
  failNext = false;

  async pause(): Promise<void> {
    await this.change('pause', true);
  }

  async resume(): Promise<void> {
    await this.change('resume', false);
  }

  private async change(name: string, isPaused: boolean): Promise<void> {
    await Promise.resolve();
    if (this.failNext) throw new Error(`cannot ${name}`);
    this.calls.push(name);
    this.isPaused = isPaused;
  }
}

describe('the pause of an idle container', () => {
  let container: RecordedContainer;
  let clock: FakeClock;
  let failures: string[];
  const pauseAfter = (grace: number | undefined): IdlePause =>
    new IdlePause({ container, clock, graceMs: grace, onFailure: (error) => failures.push(error instanceof Error ? error.message : '') });
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };

  beforeEach(() => {
    container = new RecordedContainer();
    clock = new FakeClock(0);
    failures = [];
  });

  it('begins when nothing has been asked of it for the grace period', async () => {
    const pause = pauseAfter(graceMs);
    pause.enable();
    await pause.awake(() => Promise.resolve());
    clock.advance(graceMs - 1);
    await turns();
    assert.deepEqual(container.calls, []);
    clock.advance(1);
    await turns();
    assert.deepEqual(container.calls, ['pause']);
  });

  it('ends before the next task begins', async () => {
    const pause = pauseAfter(graceMs);
    pause.enable();
    await pause.awake(() => Promise.resolve());
    clock.advance(graceMs);
    await turns();
    assert.equal(await pause.awake(() => Promise.resolve(container.isPaused)), false);
  });

  it('does not begin while a task is under way, nor in a container that has not served an activation', async () => {
    const pause = pauseAfter(graceMs);
    await pause.awake(() => Promise.resolve());
    clock.advance(2 * graceMs);
    await turns();
    pause.enable();
    let finish: () => void = () => undefined;
    const task = pause.awake(() => new Promise<void>((resolve) => (finish = resolve)));
    clock.advance(2 * graceMs);
    await turns();
    assert.deepEqual(container.calls, []);
    finish();
    await task;
  });

  it('never begins without a grace period, nor after the end of the container', async () => {
    const never = pauseAfter(undefined);
    never.enable();
    await never.awake(() => Promise.resolve());
    const ended = pauseAfter(graceMs);
    ended.enable();
    await ended.awake(() => Promise.resolve());
    ended.close();
    clock.advance(10 * graceMs);
    await turns();
    assert.deepEqual(container.calls, []);
  });

  it('says when the container could not be paused, and when it could not be resumed', async () => {
    const pause = pauseAfter(graceMs);
    pause.enable();
    await pause.awake(() => Promise.resolve());
    container.failNext = true;
    clock.advance(graceMs);
    await turns();
    assert.deepEqual(failures, ['cannot pause']);
    container.failNext = false;
    await pause.awake(() => Promise.resolve());
    clock.advance(graceMs);
    await turns();
    container.failNext = true;
    await assert.rejects(pause.awake(() => Promise.resolve()), /cannot resume/);
  });

  it('never holds while a task runs, whatever comes when', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 2 * graceMs }), yields: fc.nat(3) })), async (steps) => {
        container = new RecordedContainer();
        clock = new FakeClock(0);
        const pause = pauseAfter(graceMs);
        pause.enable();
        const tasks: Promise<void>[] = [];
        for (const { waitMs, yields } of steps) {
          clock.advance(waitMs);
          for (let turn = 0; turn < yields; turn += 1) await Promise.resolve();
          tasks.push(
            pause.awake(async () => {
              assert.equal(container.isPaused, false);
              for (let turn = 0; turn < yields; turn += 1) await Promise.resolve();
              assert.equal(container.isPaused, false);
            }),
          );
        }
        await Promise.all(tasks);
      }),
    );
  });
});
