import { strict as assert } from 'node:assert';
import { poolUsageOf } from '../../report/pool-usage.ts';
import { summarize } from '../../report/summary.ts';
import { summarySchema, type Summary } from '../../report/summary-schema.ts';
import type { ActivationRow } from '../../report/rows.ts';
import { contextWith, rowWith } from '../../testing/report-builders.ts';

const summaryOf = (rows: readonly ActivationRow[], expectedActivations = rows.length): Summary =>
  summarize({ context: contextWith(), rows, expectedActivations, pool: poolUsageOf([], { fromAt: 0, toAt: 1 }) });

describe('summarize', () => {
  it('takes startup as wait + init + load and gives its distribution', () => {
    const summary = summaryOf([rowWith({ waitMs: 100, initMs: 20, loadMs: 30 }), rowWith({ waitMs: 50 })]);
    assert.equal(summary.startupMs?.mean, 100);
    assert.equal(summary.startupMs.max, 150);
    assert.equal(summary.e2eMs?.mean, 140);
  });

  it('counts starts and statuses of all rows, latencies and shares of the successful ones', () => {
    const summary = summaryOf([
      rowWith({ startType: 'cold', waitMs: 300 }),
      rowWith({ startType: 'preloaded', preloaded: true }),
      rowWith(),
      rowWith({ startType: 'prewarmed', waitMs: 100 }),
      rowWith({ startType: 'none', status: 'whisk internal error', waitMs: 9_000 }),
    ], 6);
    assert.deepEqual(summary.activations, {
      expected: 6, completed: 5, succeeded: 4,
      byStatus: { success: 4, 'whisk internal error': 1 },
      byStartType: { cold: 1, prewarmed: 1, warm: 1, preloaded: 1, none: 1 },
    });
    assert.deepEqual([summary.warmOrPreloadedShare, summary.preloadedShare, summary.startupMs?.max], [0.5, 0.25, 300]);
  });

  it('says what preloaded starts still pay for init and load', () => {
    const preloaded = [10, 20, 30].map((initMs) => rowWith({ startType: 'preloaded', initMs, loadMs: 5, waitMs: 1000 }));
    const summary = summaryOf([...preloaded, rowWith({ startType: 'cold', initMs: 900 })]);
    assert.deepEqual([summary.preloadedInitPlusLoadMs?.p50, summary.preloadedInitPlusLoadMs?.max], [25, 35]);
  });

  it('holds the first inference after a preloaded start against steady inference of the same action', () => {
    const inference = (action: string, startType: ActivationRow['startType'], ...values: number[]): ActivationRow[] =>
      values.map((inferenceMs) => rowWith({ action, startType, inferenceMs }));
    const summary = summaryOf([
      ...inference('bert-base', 'preloaded', 110, 130), ...inference('bert-base', 'warm', 100, 100, 900),
      ...inference('resnet50', 'preloaded', 40), ...inference('resnet50', 'warm', 40),
      ...inference('vgg19', 'preloaded', 500),
      rowWith({ action: 'alexnet', startType: 'preloaded' }), ...inference('alexnet', 'warm', 10),
    ]);
    const byAction = Object.fromEntries(summary.actions.map(({ action, firstInference }) => [action, firstInference?.ratio]));
    assert.deepEqual(byAction, { alexnet: undefined, 'bert-base': 1.2, resnet50: 1, vgg19: undefined });
    assert.equal(summary.firstToSteadyInferenceRatio, 1.1);
  });

  it('is null, not zero, where nothing was measured', () => {
    const summary = summaryOf([], 3);
    assert.deepEqual([summary.startupMs, summary.warmOrPreloadedShare, summary.firstToSteadyInferenceRatio], [null, null, null]);
  });

  it('keeps to the schema of summary.json through JSON and back', () => {
    for (const rows of [[], [rowWith(), rowWith({ startType: 'cold', inferenceMs: 3 })]]) {
      const summary = summaryOf(rows);
      assert.deepEqual(summarySchema.parse(JSON.parse(JSON.stringify(summary))), summary);
    }
  });
});
