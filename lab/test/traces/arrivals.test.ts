import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { shippedTraceFile } from '../../shipped-files.ts';
import { generateArrivals, type Arrival, type ArrivalMode } from '../../traces/arrivals.ts';
import { readAssignedTrace, type AssignedFunction } from '../../traces/assign-actions.ts';

const countByAction = (arrivals: readonly Arrival[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { action } of arrivals) counts[action] = (counts[action] ?? 0) + 1;
  return counts;
};
const oneFunction = (...countsPerMinute: number[]): AssignedFunction[] => [{ functionKey: 'o/a/f', action: 'x', countsPerMinute }];
const generate = (functions: readonly AssignedFunction[], mode: ArrivalMode, seed = 1, speed = 1): Arrival[] =>
  generateArrivals({ functions, mode, seed, speed });

describe('generateArrivals', () => {
  let shipped: readonly AssignedFunction[] = [];
  before(async () => {
    shipped = (await readAssignedTrace(shippedTraceFile)).functions;
  });

  it('fires the shipped trace exactly 114 times in exact mode', () => {
    assert.deepEqual(countByAction(generate(shipped, 'exact')), {
      alexnet: 12, vgg19: 34, 'inception-v3': 5, resnet18: 11, resnet50: 5, resnet152: 30, googlenet: 4, 'bert-base': 13,
    });
  });

  it("fires the shipped trace 126 times in script mode, action by action as the original's script does", () => {
    const arrivals = generate(shipped, 'script');
    assert.equal(arrivals.length, 126);
    assert.deepEqual(countByAction(arrivals), {
      alexnet: 12, vgg19: 35, 'inception-v3': 5, resnet18: 12, resnet50: 5, resnet152: 40, googlenet: 4, 'bert-base': 13,
    });
  });

  for (const [count, fired] of [[0, 0], [1, 1], [7, 8], [9, 10], [11, 12], [14, 15], [21, 30], [31, 60], [60, 60], [61, 60], [500, 60]] as const) {
    it(`fires ${fired} times in script mode for a count of ${count}`, () => {
      assert.equal(generate(oneFunction(count), 'script').length, fired);
    });
  }

  it('keeps every exact arrival within its minute, as many as the count, sorted', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 6 }), fc.nat(), (counts, seed) => {
        const times = generate(oneFunction(...counts), 'exact', seed).map(({ atMs }) => atMs);
        counts.forEach((count, minute) => {
          const within = times.filter((atMs) => atMs >= minute * 60_000 && atMs < (minute + 1) * 60_000);
          assert.equal(within.length, count);
        });
        assert.deepEqual(times, times.toSorted((a, b) => a - b));
      }),
    );
  });

  it('lets every script firing come one to three seconds after its second', () => {
    const times = generate(oneFunction(6), 'script', 9).map(({ atMs }) => atMs);
    times.forEach((atMs, index) => {
      assert.ok(atMs >= index * 10_000 + 1000 && atMs < index * 10_000 + 3000, String(atMs));
    });
  });

  it('repeats itself for the same seed and differs for another', () => {
    for (const mode of ['exact', 'script'] as const) {
      assert.deepEqual(generate(shipped, mode, 4), generate(shipped, mode, 4));
      assert.notDeepEqual(generate(shipped, mode, 4), generate(shipped, mode, 5));
    }
  });

  it('moves no arrival of a function when another joins the trace', () => {
    const joined = [...oneFunction(3, 4), { functionKey: 'o/a/g', action: 'y', countsPerMinute: [5, 5] }];
    assert.deepEqual(generate(joined, 'exact').filter(({ action }) => action === 'x'), generate(oneFunction(3, 4), 'exact'));
  });

  it('divides every time by the speed', () => {
    const normal = generate(shipped, 'exact', 2);
    const fast = generate(shipped, 'exact', 2, 4);
    assert.equal(fast.length, normal.length);
    fast.forEach(({ atMs }, index) => {
      assert.ok(Math.abs(atMs * 4 - normal[index]!.atMs) <= 0.004);
    });
  });
});
