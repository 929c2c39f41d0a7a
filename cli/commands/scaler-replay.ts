// `instainfer scaler-replay`: a data set, replayed to our core and to the reference on virtual time, or to any scaler over gRPC.
import CliTable from 'cli-table3';
import { SystemClock } from '../../common/clock.ts';
import { readConfigFile } from '../../common/config-file.ts';
import { helpText, isHelpRequested, parseOptions, type OptionValues } from '../../common/config.ts';
import { AppError } from '../../common/errors.ts';
import { createLogger } from '../../common/logger.ts';
import { meanOf } from '../../common/statistics.ts';
import { estimateOf } from '../../lab/measures/confidence.ts';
import { scalerPolicyNames, type ScalerPolicyName } from '../../scaler/policies.ts';
import { readDataset, syntheticDataset, type Dataset } from '../../scaler/replay/dataset.ts';
import { replay, type ReplayResult } from '../../scaler/replay/replay.ts';
import { remoteScaler, replayVirtually } from '../../scaler/replay/scalers.ts';
import { createPlatformServer, SimulatedPlatform } from '../../scaler/replay/simulated-platform.ts';
import { listen } from '../../scaler/rpc.ts';
import { exitCodes } from '../command.ts';
import { scalerReplayTable } from '../scaler/options.ts';

type Values = OptionValues<typeof scalerReplayTable>;

const usage = `usage: instainfer scaler-replay [options]
       instainfer scaler-replay --scaler HOST:PORT [options]

Replays a data set of the Scaler task and scores it by the task's formula: 50·(Σ run GB·s / Σ slot GB·s + Σ run / (Σ schedule +
Σ run)), 0 below 99.95 % success. Start the scaler under test with the platform's address; scaler-replay plays the platform.`;

export async function runScalerReplay(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(scalerReplayTable, usage));
    return exitCodes.ok;
  }
  const { values } = parseOptions({ table: scalerReplayTable, argv, env, file: readConfigFile(argv, env) });
  const datasets = await datasetsOf(values);
  const rows = values.scaler === undefined ? await replayAllVirtually(values, datasets) : [{ name: values.scaler, results: [await replayRemotely(values, values.scaler, datasets)] }];
  process.stdout.write(`${datasets[0]?.title ?? ''}${datasets.length > 1 ? ` to ${datasets.length}` : ''}\n${tableOf(rows)}\n`);
  const problem = rows.flatMap(({ results }) => results).find((result) => result.problem !== undefined)?.problem;
  if (problem !== undefined) process.stderr.write(`The first request that failed: ${problem}\n`);
  return problem === undefined ? exitCodes.ok : exitCodes.failed;
}

async function datasetsOf({ metas, requests, minutes, copies, seeds }: Values): Promise<readonly Dataset[]> {
  if ((metas === undefined) !== (requests === undefined)) throw new AppError('BAD_OPTION', 'Only one of --metas and --requests is given.', 'Give both files of the data set, or neither.');
  if (metas !== undefined && requests !== undefined) return [await readDataset({ metas, requests })];
  return Array.from({ length: seeds }, (_, index) => syntheticDataset({ minutes, copies, seed: index + 1 }));
}

interface Row {
  readonly name: string;
  readonly results: readonly ReplayResult[];
}

async function replayAllVirtually(values: Values, datasets: readonly Dataset[]): Promise<readonly Row[]> {
  const logger = createLogger('scaler-replay', values.logLevel);
  const rows: Row[] = [];
  for (const name of values.policies ?? scalerPolicyNames) {
    const policy = scalerPolicyNames.find((candidate) => candidate === name);
    if (policy === undefined) throw new AppError('BAD_OPTION', `There is no policy '${name}'.`, `Take of ${scalerPolicyNames.join(', ')}.`);
    rows.push({ name, results: await replayEach(policy, datasets, (dataset) => replayVirtually({ dataset, policy, keepAliveMs: values.keepAlive * 1000, createMs: values.create, logger })) });
  }
  return rows;
}

async function replayEach(policy: ScalerPolicyName, datasets: readonly Dataset[], run: (dataset: Dataset) => Promise<ReplayResult>): Promise<readonly ReplayResult[]> {
  const results: ReplayResult[] = [];
  for (const [index, dataset] of datasets.entries()) {
    results.push(await run(dataset));
    process.stderr.write(`${policy}: ${index + 1} of ${datasets.length}\n`);
  }
  return results;
}

async function replayRemotely(values: Values, address: string, datasets: readonly Dataset[]): Promise<ReplayResult> {
  const [dataset] = datasets;
  if (dataset === undefined || datasets.length > 1) throw new AppError('BAD_OPTION', 'In real time one data set is replayed.', 'Give --seeds 1, or --metas and --requests.');
  const clock = new SystemClock();
  const platform = new SimulatedPlatform({ clock, applications: dataset.applications, createMs: values.create });
  const server = createPlatformServer(platform, clock);
  await listen(server, values.platformAddress ?? '127.0.0.1:50051');
  const scaler = remoteScaler(address);
  const step = Math.max(1, Math.floor(dataset.requests.length / 20));
  try {
    return await replay({
      dataset,
      scaler,
      platform,
      clock,
      onProgress: (done, all) => {
        if (done % step === 0) process.stderr.write(`${done} of ${all} requests\n`);
      },
    });
  } finally {
    scaler.close();
    server.forceShutdown();
  }
}

function tableOf(rows: readonly Row[]): string {
  const table = new CliTable({
    head: ['scaler', 'score', 'schedule mean ms', 'p99 ms', 'slots', 'slot GiB·s', 'failed'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const { name, results } of rows) {
    const mean = (of: (result: ReplayResult) => number): number => meanOf(results.map(of)) ?? 0;
    const score = estimateOf(results.map((result) => result.score));
    table.push([
      name,
      `${score.mean.toFixed(1)}${results.length > 1 ? ` ± ${score.halfWidth.toFixed(1)}` : ''}`,
      mean((result) => result.scheduleMeanMs).toFixed(0),
      mean((result) => result.scheduleP99Ms).toFixed(0),
      mean((result) => result.slots).toFixed(0),
      mean((result) => result.heldGibSeconds).toFixed(0),
      mean((result) => result.failed).toFixed(0),
    ]);
  }
  return table.toString();
}
