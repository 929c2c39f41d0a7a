// What does one event of the simulation take, with 100 to 20,000 functions on as many invokers? The whole engine is measured:
// arrivals, routing, the pre-loader's and the scheduler's step, simulated containers and the meter.
import { cpus } from 'node:os';
import { AppError } from '../common/errors.ts';
import { syntheticTrace } from '../lab/build-workload.ts';
import { publishedCosts } from '../lab/cost-sets.ts';
import { RunMeter } from '../lab/measures/run-meter.ts';
import { ours } from '../lab/policies/ours.ts';
import { simulatePolicy } from '../lab/simulation/simulate-policy.ts';

const sizes = [100, 1000, 5000, 20_000];
const defaults = { seed: 1, calls: 40_000, invokers: 20 };
const durationMs = 6 * 3_600_000;
const gibibyte = 2 ** 30;

function numberOption(args: readonly string[], name: keyof typeof defaults): number {
  const index = args.indexOf(`--${name}`);
  if (index < 0) return defaults[name];
  const value = Number(args[index + 1]);
  if (!Number.isInteger(value) || value < 1) throw new AppError('BAD_OPTION', `--${name} is ${args[index + 1] ?? 'empty'}.`, 'Give a whole number of at least 1.');
  return value;
}

function measure(functionCount: number, options: typeof defaults): { readonly events: number; readonly microsecondsPerEvent: number } {
  const { seed, calls, invokers } = options;
  const costs = publishedCosts();
  const meanPerMinute = calls / functionCount / (durationMs / 60_000);
  const workload = syntheticTrace({ syntheticClass: 'mixed', functionCount, durationMs, meanPerMinute, skew: 1 }, costs).workload(seed);
  const meter = new RunMeter(workload.functions, costs.platform);
  const before = process.cpuUsage();
  const { events } = simulatePolicy({
    workload,
    platform: costs.platform,
    policy: ours,
    invokerCount: invokers,
    poolMemoryBytes: 64 * gibibyte,
    containerMemoryBytes: costs.containerMemoryBytes,
    keepAliveMs: undefined,
    headroomShare: costs.headroomShare,
    seed,
    meter,
  });
  const { user, system } = process.cpuUsage(before);
  return { events, microsecondsPerEvent: (user + system) / events };
}

/** Prints the table. Options: `--seed N`, `--calls N`, `--invokers N`. Processor time, so that other work on the machine counts less. */
export function run(args: string[]): Promise<void> {
  const options = { seed: numberOption(args, 'seed'), calls: numberOption(args, 'calls'), invokers: numberOption(args, 'invokers') };
  // Warms up the compiler.
  measure(sizes[0] ?? 100, options);
  const lines = [
    `lab: ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, seed ${options.seed}; policy ours; about ${options.calls} calls in six hours on ${options.invokers} invokers of 64 GiB`,
    `${'functions'.padStart(10)}${'events'.padStart(10)}${'µs/event'.padStart(10)}${'vs 100'.padStart(8)}${'log n / log 100'.padStart(17)}`,
  ];
  let first: number | undefined;
  for (const size of sizes) {
    const { events, microsecondsPerEvent } = measure(size, options);
    first ??= microsecondsPerEvent;
    const growth = Math.log(size) / Math.log(sizes[0] ?? 100);
    lines.push(`${String(size).padStart(10)}${String(events).padStart(10)}${microsecondsPerEvent.toFixed(1).padStart(10)}${`${(microsecondsPerEvent / first).toFixed(2)}×`.padStart(8)}${`${growth.toFixed(2)}×`.padStart(17)}`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
  return Promise.resolve();
}
