// Whatever happens: what an action's author wishes is kept, within what is granted, and what nobody wishes changes nothing.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { SchedulerConfig } from '../config.ts';
import { idleEndsAt, noWishes, type ActionWishes } from '../wishes.ts';
import { MiB, TestScheduler } from './builders.ts';
import { config, happening, prologue } from './happenings.ts';
import { PromptExecutor } from './prompt-executor.ts';
import { RandomWorld, type Happening } from './random-world.ts';

const wishes: fc.Arbitrary<ActionWishes | undefined> = fc.option(
  fc.record({ pinnedPlaces: fc.constantFrom(0, 0, 1, 2, 5), priority: fc.constantFrom(0.1, 1, 10), idleMs: fc.constantFrom(undefined, undefined, 0, 500, 60_000) }),
  { nil: undefined },
);
/** Of each number that an action is deployed by. */
const everybodysWishes = fc.array(wishes, { minLength: 21, maxLength: 21 });
const happenings = fc.array(happening, { maxLength: 200, size: 'max' });
const preloading = config.map((chosen): SchedulerConfig => ({ ...chosen, preload: true }));
const runs = { numRuns: 200 };

function live(world: RandomWorld, following: readonly Happening[]): void {
  for (const each of [...prologue, ...following]) world.happen(each);
}

describe('what actions wish, whatever happens', function () {
  this.timeout(60_000);

  it('takes no pinned place for the value of another, nor because its window is over', () => {
    let offloads = 0;
    fc.assert(
      fc.property(preloading, everybodysWishes, happenings, (chosen, wished, following) => {
        const world = new RandomWorld(chosen, (which) => wished[which]);
        world.onStep = (commands) => {
          for (const command of commands) {
            if (command.type !== 'offload' || (command.reason !== 'evicted-for-value' && command.reason !== 'offload-window')) continue;
            const action = world.state.actions.get(command.actionKey);
            if (action === undefined) continue;
            offloads += 1;
            const held = action.idleResident.size + action.idleOwn.size;
            assert.ok(held >= action.grantedPins, `${held} of ${action.grantedPins} pinned places of ${action.key} are left (${command.reason})`);
          }
        };
        live(world, following);
      }),
      runs,
    );
    assert.ok(offloads > 0, 'nothing was ever off-loaded');
  });

  it('keeps nothing in an idle container once the idle time is over, and loads nothing then', () => {
    fc.assert(
      fc.property(preloading, everybodysWishes, happenings, (chosen, wished, following) => {
        const world = new RandomWorld(chosen, (which) => wished[which]);
        world.onStep = (commands) => {
          const over = [...world.state.actions.values()].filter((action) => world.state.now >= Math.ceil(idleEndsAt(action)));
          for (const action of over) {
            assert.equal(action.idleResident.size, 0, `${action.key} is still resident ${world.state.now - idleEndsAt(action)} ms after its idle time`);
            assert.ok(!commands.some(({ type, ...command }) => type === 'load' && 'actionKey' in command && command.actionKey === action.key), `${action.key} is loaded`);
          }
        };
        live(world, following);
      }),
      runs,
    );
  });

  it('pins no more memory than the configured share of the pool', () => {
    fc.assert(
      fc.property(preloading, everybodysWishes, happenings, (chosen, wished, following) => {
        const world = new RandomWorld(chosen, (which) => wished[which]);
        world.onStep = () => {
          let pinnedBytes = 0;
          for (const { key, grantedPins, idleResident } of world.state.actions.values()) {
            const held = [...idleResident].map((id) => world.state.containers.get(id)?.residents.get(key)?.residentBytes ?? 0);
            for (const bytes of held.sort((left, right) => right - left).slice(0, grantedPins)) pinnedBytes += bytes;
          }
          assert.ok(pinnedBytes <= chosen.mostPinnedShare * chosen.poolMemoryBytes, `${pinnedBytes} bytes are pinned`);
        };
        live(world, following);
      }),
      runs,
    );
  });

  it('decides for actions that wish what they have anyway as for those that wish nothing', () => {
    fc.assert(
      fc.property(preloading, happenings, (chosen, following) => {
        const [without, neutral] = [new RandomWorld(chosen), new RandomWorld(chosen, () => noWishes)];
        live(without, following);
        live(neutral, following);
        assert.deepEqual(neutral.log.map(({ commands }) => commands), without.log.map(({ commands }) => commands));
      }),
      runs,
    );
  });
});

describe('the priority of an action', function () {
  this.timeout(30_000);
  const residentBytes = 150 * MiB;
  const rivals = ['ann/a@1', 'ann/b@1'] as const;

  /** Whether the second of two actions that compete for one place has it in the end. */
  function wins(priority: number, gapsMs: readonly [number, number], sinceMs: number): boolean {
    const scheduler = new TestScheduler({ preload: true, prewarmPolicy: 'stemcell', stemCellCount: 1, poolMemoryBytes: 256 * MiB });
    const executor = new PromptExecutor(scheduler, residentBytes);
    executor.carryOut(scheduler.tell({ type: 'ticked', at: scheduler.now }));
    for (const [index, key] of rivals.entries()) executor.carryOut(scheduler.deploy(key, { estimatedResidentBytes: residentBytes, wishes: { pinnedPlaces: 0, priority: index === 1 ? priority : 1 } }));
    for (const [index, gapMs] of gapsMs.entries()) {
      executor.carryOut(scheduler.plan(rivals[index]!, { arrivalRatePerMs: 1 / gapMs, lastArrivalAt: scheduler.now - sinceMs * index, preloadWindowMs: 0 }));
    }
    executor.pass(10_000);
    return scheduler.state.actions.get(rivals[1])?.idleResident.size === 1;
  }

  it('never costs it a place that it would have had with a lower one', () => {
    const gapMs = fc.integer({ min: 1, max: 600_000 });
    const outcomes = { won: 0, lost: 0, turned: 0 };
    fc.assert(
      fc.property(fc.tuple(gapMs, gapMs), fc.nat({ max: 60_000 }), fc.double({ min: 0.01, max: 10, noNaN: true }), fc.double({ min: 1, max: 100, noNaN: true }), (gaps, sinceMs, priority, factor) => {
        const [low, high] = [wins(priority, gaps, sinceMs), wins(priority * factor, gaps, sinceMs)];
        outcomes[low ? 'won' : high ? 'turned' : 'lost'] += 1;
        assert.ok(high || !low, `it has the place with ${priority} and not with ${priority * factor}`);
      }),
      { numRuns: 100 },
    );
    assert.ok(outcomes.turned > 0, `a higher priority never changed anything: ${JSON.stringify(outcomes)}`);
  });
});
