// What does one event of the simulation take, with 100 to 20,000 functions on as many invokers? The whole engine is measured:
// arrivals, routing, the pre-loader's and the scheduler's step, simulated containers and the meter. Rounds take turns with the
// sizes, so that a change of the machine's mood hits all, and medians are shown.
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { median } from '../common/statistics.ts';
import { syntheticTrace } from '../lab/build-workload.ts';
import { publishedCosts } from '../lab/cost-sets.ts';
import { RunMeter } from '../lab/measures/run-meter.ts';
import { ours } from '../lab/policies/ours.ts';
import { costBySize } from '../lab/report/charts.ts';
import { figure, legend, repetition, reportPage } from '../lab/report/report-page.ts';
import { simulatePolicy } from '../lab/simulation/simulate-policy.ts';
import { wholeNumber } from './whole-number.ts';

const usage = `usage: npm run bench -- lab [options]
  --rounds N      rounds of each size, taking turns; medians are shown (default 5)
  --calls N       calls in six hours (default 40000)
  --invokers N    of 64 GiB each (default 20)
  --seed N        (default 1)
  --report FILE   also draws it: one HTML page that needs nothing else
`;

const smallest = 100;
const sizes = [smallest, 1000, 5000, 20_000];
const durationMs = 6 * 3_600_000;
const gibibyte = 2 ** 30;

interface Options {
  readonly rounds: number;
  readonly calls: number;
  readonly invokers: number;
  readonly seed: number;
}

interface Cost {
  readonly events: number;
  readonly microseconds: number;
}

function measure(functionCount: number, { seed, calls, invokers }: Options): Cost {
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
  return { events, microseconds: (user + system) / events };
}

/** Prints the table. Processor time, so that other work on the machine counts less. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      calls: { type: 'string', default: '40000' },
      invokers: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      report: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const { report } = values;
  const options: Options = { rounds: wholeNumber('rounds', values.rounds), calls: wholeNumber('calls', values.calls), invokers: wholeNumber('invokers', values.invokers), seed: wholeNumber('seed', values.seed) };
  const costs = new Map(sizes.map((size) => [size, [] as Cost[]]));
  // The first round warms up the compiler and is not counted.
  for (let round = 0; round <= options.rounds; round += 1) {
    process.stderr.write(round === 0 ? 'warming up\n' : `round ${round} of ${options.rounds}\n`);
    for (const size of sizes) {
      const cost = measure(size, options);
      if (round > 0) costs.get(size)?.push(cost);
    }
  }
  const medians = [...costs].map(([size, rounds]) => ({ size, events: rounds[0]?.events ?? 0, microseconds: median(rounds.map(({ microseconds }) => microseconds)) }));
  const first = medians[0]?.microseconds ?? Number.NaN;
  const rows = medians.map((row) => ({ ...row, ratio: row.microseconds / first, growth: Math.log(row.size) / Math.log(smallest) }));
  const title = `lab: ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}, seed ${options.seed}; policy ours; about ${options.calls} calls in six hours on ${options.invokers} invokers of 64 GiB; medians of ${options.rounds} rounds`;
  const lines = [
    `${'functions'.padStart(10)}${'events'.padStart(10)}${'µs/event'.padStart(10)}${'vs 100'.padStart(8)}${'log n / log 100'.padStart(17)}`,
    ...rows.map(({ size, events, microseconds, ratio, growth }) => `${String(size).padStart(10)}${String(events).padStart(10)}${microseconds.toFixed(1).padStart(10)}${`${ratio.toFixed(2)}×`.padStart(8)}${`${growth.toFixed(2)}×`.padStart(17)}`),
  ];
  process.stdout.write(`${[title, ...lines].join('\n')}\n`);
  if (report === undefined) return;
  const series = ['cost of an event', 'log n'];
  const chart = `${legend(series)}${figure(costBySize(rows), 'Processor time of an event against 100 functions, with as many calls on as many invokers.')}`;
  await writeFile(report, reportPage('What an event costs, by the number of functions', [title], [chart, `<pre>${lines.join('\n')}</pre>`, repetition(`npm run bench -- lab --calls ${options.calls} --invokers ${options.invokers} --seed ${options.seed} --rounds ${options.rounds}`)]));
  process.stderr.write(`Written to ${report}\n`);
}
