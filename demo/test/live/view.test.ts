import { strict as assert } from 'node:assert';
import { stripVTControlCharacters } from 'node:util';
import { renderView, type ViewModel } from '../../live/view.ts';
import type { ActivationRow } from '../../report/rows.ts';

const row = (overrides: Partial<ActivationRow>): ActivationRow => ({
  activationId: 'x',
  action: 'resnet50',
  arrival: 61_000,
  startType: 'preloaded',
  waitMs: 1,
  initMs: 4,
  loadMs: 0,
  runMs: 50,
  e2eMs: 55,
  container: 'c1',
  preloaded: true,
  status: 'success',
  ...overrides,
});
const model: ViewModel = {
  title: 'pagurus, mapped, pre-load',
  phase: 'replaying',
  elapsedMs: 150_000,
  totalMs: 300_000,
  expectedActivations: 114,
  rows: [row({}), row({ startType: 'cold', status: 'application error' })],
  containers: [],
  poolMemoryBytes: 8 * 1024 ** 3,
};
const textOf = (view: ViewModel): string => stripVTControlCharacters(renderView(view).join('\n'));

describe('the live view', () => {
  it('shows how far the replay is', () => {
    assert.match(textOf(model), /█{15}░{15} 02:30 of 05:00, 2 of 114 activations/);
  });

  it('counts start types and shows startup', () => {
    assert.match(textOf(model), /cold 1 {2}prewarmed 0 {2}warm 0 {2}preloaded 1 {3}startup mean 5 ms, worst 5 ms/);
  });

  it('shows the latest activations with their errors', () => {
    assert.match(textOf(model), /01:01 {2}resnet50 +cold .* application error/);
  });

  it('says that it is deploying before there is progress', () => {
    assert.match(textOf({ ...model, phase: 'deploying', rows: [] }), /deploying the actions/);
  });
});
