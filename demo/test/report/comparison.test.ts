import { strict as assert } from 'node:assert';
import { comparisonArms } from '../../arms.ts';
import { boundsNote, comparisonSentence, contributionsOf, ratioText, runSentence } from '../../report/comparison.ts';
import { poolUsageOf } from '../../report/pool-usage.ts';
import { summarize } from '../../report/summary.ts';
import type { Comparison, Summary } from '../../report/summary-schema.ts';
import { renderComparison, renderRun } from '../../report/table.ts';
import { contextWith, rowWith } from '../../testing/report-builders.ts';

const pool = poolUsageOf([], { fromAt: 0, toAt: 1 });
const armOf = (index: number, waitMs: number, expectedActivations = 1): Summary =>
  summarize({ context: contextWith({ arm: comparisonArms[index]! }), rows: [rowWith({ waitMs, startType: index === 4 ? 'preloaded' : 'cold' })], expectedActivations, pool });
const comparisonOf = (...waits: number[]): Comparison => ({ formatVersion: 1, arms: waits.map((waitMs, index) => armOf(index, waitMs)) });

describe('contributionsOf', () => {
  it('names the part that each arm adds and what it takes off; the parts add up', () => {
    const contributions = contributionsOf(comparisonOf(1000, 800, 850, 300, 100));
    assert.deepEqual(contributions.map(({ part, savedMs, shareOfFirst }) => [part, savedMs, shareOfFirst]), [
      ['stem cells', 200, 0.2], ['zygotes', -50, -0.05], ['mapped loading', 550, 0.55], ['pre-loading', 200, 0.2],
    ]);
    assert.equal(contributions.reduce((sum, { savedMs }) => sum + savedMs, 0), 900);
  });
});

describe('comparisonSentence', () => {
  it('tells the first and last mean, their ratio, the shares and the last part alone', () => {
    assert.equal(
      comparisonSentence(comparisonOf(1000, 800, 850, 300, 100)),
      'Simulated (seed 1, warm cache): mean startup of 1 activations goes from 1.00 s ("none, stock") to 100 ms ' +
        '("pagurus, mapped, pre-load"), 10.0× less; 100.0 % start warm or preloaded instead of 0.0 %. ' +
        'Pre-loading alone takes off 200 ms of it, against "pagurus, mapped".',
    );
  });

  it('says so when things got worse', () => {
    const sentence = comparisonSentence(comparisonOf(100, 100, 100, 100, 250));
    assert.ok(sentence.includes('2.50× more') && sentence.includes('Pre-loading alone adds 150 ms'), sentence);
  });

  it('does not hide activations that failed or were not run', () => {
    const sentence = comparisonSentence({ formatVersion: 1, arms: [armOf(0, 10), armOf(1, 5, 3)] });
    assert.ok(sentence.endsWith('2 activations failed or were not run, and are left out.'), sentence);
  });

  it('does not compare with an arm that has no success', () => {
    const empty = summarize({ context: contextWith(), rows: [], expectedActivations: 4, pool });
    assert.equal(comparisonSentence({ formatVersion: 1, arms: [armOf(0, 10), empty] }), 'No comparison: an arm has no successful activation.');
    assert.equal(runSentence(empty), 'No activation of 4 succeeded.');
  });
});

describe('ratioText', () => {
  it('is a dash where there is nothing to divide by', () => {
    assert.deepEqual([ratioText(10, 0), ratioText(undefined, 1), ratioText(10, 4), ratioText(100, 4)], ['–', '–', '2.50×', '25.0×']);
  });
});

describe('boundsNote', () => {
  it("says that the pool is short and that OpenWhisk's own keep-alive is longer", () => {
    const rows = ['a', 'b', 'c', 'd', 'e'].map((action) => rowWith({ action }));
    const note = boundsNote(summarize({ context: contextWith(), rows, expectedActivations: 5, pool }));
    assert.ok(note.includes('room for 4 containers while 5 actions are called') && note.includes('--keep-alive 600'), note);
  });
});

describe('the terminal tables', () => {
  it('show every arm, part and action with its figures', () => {
    const comparison = comparisonOf(1000, 800, 850, 300, 100);
    const text = renderComparison(comparison);
    for (const expected of ['none, stock', 'pagurus, mapped, pre-load', '10.0×', 'mapped loading', '55.0 %', '−50 ms', comparisonSentence(comparison)]) {
      assert.ok(text.includes(expected), expected);
    }
    const run = renderRun(comparison.arms[4]!);
    for (const expected of ['1 of 1 activations succeeded', 'resnet50', 'init + load of preloaded starts', 'type 7', '1 preloaded']) {
      assert.ok(run.includes(expected), expected);
    }
  });

  it('stand without a single activation', () => {
    const empty = summarize({ context: contextWith(), rows: [], expectedActivations: 4, pool });
    assert.ok(renderRun(empty).includes('0 of 4'));
    assert.ok(renderComparison({ formatVersion: 1, arms: [empty, empty] }).includes('No comparison'));
  });
});
