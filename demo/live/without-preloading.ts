// What a live run with pre-loading would have been without it: the same arrivals simulated with this run's latencies.
import type { Arm } from '../arms.ts';
import { msText, percentText } from '../report/comparison.ts';
import type { Summary } from '../report/summary-schema.ts';
import { simulateArm, type Workload } from '../sim/simulate-arm.ts';

/**
 * One line for each of the arms that pre-loading is held against; figures of the live run stand first. What this run did not
 * measure, such as loading as an action does today, comes from the profile that ships.
 */
export function describeWithoutPreloading(live: Summary, workload: Workload): string {
  const { policy } = live.context.arm;
  const others: readonly { title: string; arm: Arm }[] = [
    { title: 'with mapped models, without pre-loading', arm: { policy, preload: false, loading: 'mapped' } },
    { title: 'as an action loads its model today', arm: { policy, preload: false, loading: 'stock' } },
  ];
  const lines = others.map(({ title, arm }) => `  ${title} (simulated): ${startupText(simulateArm(workload, arm).summary)}`);
  return ['The same arrivals, mean startup and 99th percentile:', `  with pre-loading (measured): ${startupText(live)}`, ...lines, '  npm run demo -- --compare measures them all.'].join('\n');
}

function startupText({ startupMs, warmOrPreloadedShare }: Summary): string {
  if (startupMs === null) return 'nothing succeeded';
  return `${msText(startupMs.mean)}, ${msText(startupMs.p99)}; ${percentText(warmOrPreloadedShare)} warm or preloaded`;
}
