// The home invoker as a stock controller computes it: the document's vectors, a JVM's answers, Scala's own test cases.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { homeHash, invokerRange, javaHash, pairwiseCoprimesUntil, probeOrder } from '../home-invoker.ts';
import { createRandom } from '../random.ts';

const oracle = path.resolve(import.meta.dirname, '../../../common/test/HomeInvokerOracle.java');
const sizes = [1, 2, 3, 4, 7, 10, 12, 30, 97];
const seed = 4;

/** Home index and step of a name, as the probe order shows them. */
function homeAndStep(namespace: string, name: string, size: number): readonly [number, number] {
  const [home = 0, next = home] = probeOrder(namespace, name, size);
  return [home, size === 1 ? 1 : (next - home + size) % size];
}

/** Names as users write them, in any script, with emoji (surrogate pairs), lone surrogates and the empty text among them. */
function manyNames(count: number): string[] {
  const random = createRandom(seed);
  const below = (limit: number): number => Math.floor(random.uniformBetween(0, limit));
  const alphabets = [
    () => 0x20 + below(0x5f),
    () => 0xc0 + below(0x180),
    () => 0x0400 + below(0x100),
    () => 0x4e00 + below(0x5000),
    () => 0xd800 + below(0x800),
    () => below(0x10000),
  ];
  const fixed = ['', 'guest', 'guest/hello', 'guest/pkg/infer', 'whisk.system/invokerHealthTestAction0', 'müller/größe', '日本/推論', '😀/🚀', '\ud83d', '\ude00\ud83d', 'polygenelubricants'];
  const drawn = Array.from({ length: count }, (_, index) => {
    const unit = alphabets[index % alphabets.length]!;
    return String.fromCharCode(...Array.from({ length: 1 + below(60) }, unit));
  });
  return [...fixed, ...drawn];
}
const hexOf = (text: string): string => Array.from({ length: text.length }, (_, index) => text.charCodeAt(index).toString(16).padStart(4, '0')).join('');

describe('the home invoker', () => {
  it('has the hashes, homes and steps of the worked examples', () => {
    assert.deepEqual([javaHash('guest'), javaHash('guest/hello'), homeHash('guest', 'guest/hello')], [98708952, 86723035, 13198339]);
    assert.deepEqual([homeAndStep('guest', 'guest/hello', 3), homeAndStep('guest', 'guest/hello', 4), homeAndStep('guest', 'guest/hello', 10)], [[1, 2], [3, 3], [9, 3]]);
    assert.equal(homeHash('guest', 'guest/pkg/infer'), 754814732);
    assert.deepEqual([homeAndStep('guest', 'guest/pkg/infer', 3), homeAndStep('guest', 'guest/pkg/infer', 10)], [[2, 1], [2, 7]]);
    assert.equal(homeHash('whisk.system', 'whisk.system/invokerHealthTestAction0'), 117526585);
    assert.deepEqual(homeAndStep('whisk.system', 'whisk.system/invokerHealthTestAction0', 10), [5, 3]);
  });

  it('steps by numbers that are coprime to the number of invokers and to each other', () => {
    const expected: Record<number, number[]> = {
      [-1]: [], 0: [], 1: [1], 2: [1], 3: [1, 2], 4: [1, 3], 5: [1, 2, 3], 6: [1, 5], 7: [1, 2, 3, 5], 8: [1, 3, 5, 7], 9: [1, 2, 5, 7], 10: [1, 3, 7], 12: [1, 5, 7, 11],
    };
    for (const [limit, steps] of Object.entries(expected)) assert.deepEqual(pairwiseCoprimesUntil(Number(limit)), steps, limit);
  });

  it('asks every invoker exactly once, whatever the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 60 }), (namespace, name, size) => {
        const order = probeOrder(namespace, name, size);
        assert.deepEqual(order.toSorted((a, b) => a - b), Array.from({ length: size }, (_, index) => index));
      }),
      { numRuns: 300 },
    );
  });

  it('leaves the last invoker to blackbox actions from ten invokers on, and shares it below', () => {
    const ranges = (count: number): unknown => [invokerRange(count, false), invokerRange(count, true)];
    assert.deepEqual(ranges(0), [{ from: 0, to: 0 }, { from: 0, to: 0 }]);
    assert.deepEqual(ranges(1), [{ from: 0, to: 1 }, { from: 0, to: 1 }]);
    assert.deepEqual(ranges(9), [{ from: 0, to: 9 }, { from: 8, to: 9 }]);
    assert.deepEqual(ranges(10), [{ from: 0, to: 9 }, { from: 9, to: 10 }]);
    assert.deepEqual(ranges(100), [{ from: 0, to: 90 }, { from: 90, to: 100 }]);
  });

  it('uses the same pools for both kinds where the fractions overlap completely', () => {
    const all = { managedFraction: 1, blackboxFraction: 1 };
    assert.deepEqual([invokerRange(7, false, all), invokerRange(7, true, all)], [{ from: 0, to: 7 }, { from: 0, to: 7 }]);
  });

  it('agrees with a JVM on more than a thousand names, lone surrogates included', function () {
    if (spawnSync('java', ['-version']).error !== undefined) {
      console.log('      skipped: there is no java on this machine');
      this.skip();
    }
    this.timeout(120_000);
    const names = manyNames(1500);
    const pairs = names.map((name, index) => [names[(index * 7 + 3) % names.length]!, name] as const);
    const input = pairs.map(([namespace, name]) => `${hexOf(namespace)} ${hexOf(name)}`).join('\n');
    const answer = spawnSync('java', [oracle, ...sizes.map(String)], { input, encoding: 'utf8' });
    assert.equal(answer.status, 0, answer.stderr);
    const lines = answer.stdout.trimEnd().split('\n');
    assert.equal(lines.length, pairs.length);
    for (const [index, [namespace, name]] of pairs.entries()) {
      const ours = [javaHash(namespace), javaHash(name), homeHash(namespace, name), ...sizes.flatMap((size) => {
        const [home, step] = homeAndStep(namespace, name, size);
        return [home, step];
      })];
      assert.equal(ours.join(' '), lines[index], `${hexOf(namespace)} ${hexOf(name)}, seed ${seed}`);
    }
  });
});
