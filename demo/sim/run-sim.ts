// `npm run sim`: options in, simulated runs, files and text out. The process itself (argv, exit) belongs to demo/main.ts.
import path from 'node:path';
import { helpText, isHelpRequested } from '../../common/config.ts';
import { armSlug, comparisonArms, type Arm } from '../arms.ts';
import { parseSimOptions, simTable, type SimOptions } from '../options.ts';
import { readProfile } from '../../lab/simulation/read-profile.ts';
import { openRunFiles, writeJsonFile, writeTextFile } from '../report/output-files.ts';
import type { ReportedRun } from '../report/run-report.ts';
import type { Comparison, Summary } from '../report/summary-schema.ts';
import { renderComparison, renderRun } from '../report/table.ts';
import { generateArrivals } from '../../lab/traces/arrivals.ts';
import { readAssignedTrace } from '../../lab/traces/assign-actions.ts';
import { agreementsOf, agreementText, faithfulShare, readSummaries } from './agreement.ts';
import type { SimulationResult } from './run-simulation.ts';
import { simulateArm, type Workload } from './simulate-arm.ts';

/** Where results and remarks go: the two streams of a process, or a test's lists. */
export interface CommandOutput {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const usage = 'Usage: npm run sim -- [options]\n\nReplays a trace through the scheduler on virtual time, with measured latencies.';

/**
 * Runs the command and returns the exit code: 0, or 1 when an activation failed or --against does not agree. Throws AppError
 * for bad options, traces and profiles. Files are written only where --out names a folder.
 */
export async function runSimCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  output: CommandOutput,
): Promise<number> {
  if (isHelpRequested(argv)) {
    output.stdout.write(helpText(simTable, usage));
    return 0;
  }
  const options = parseSimOptions(argv, env);
  const trace = await readAssignedTrace(options.traceFile, options.actions);
  const arrivals = generateArrivals({ functions: trace.functions, mode: options.arrivals, seed: options.seed, speed: options.speed });
  const workload: Workload<SimOptions> = { options, trace, arrivals, profile: await readProfile(options.profileFile) };
  const live = options.againstFile === undefined ? undefined : await readSummaries(options.againstFile);
  const runs = options.compare ? compareArms(workload, output) : [runOneArm(workload, output)];
  const summaries = runs.map(({ summary }) => summary);
  if (options.outDir !== undefined) {
    // The charts take longer to load than the simulation takes.
    const { commandText, reportFileName, runReport } = await import('../report/run-report.ts');
    writeTextFile(path.join(options.outDir, reportFileName), runReport(runs, commandText('sim', argv)));
    output.stderr.write(`Written to ${options.outDir}\n`);
  }
  const agreements = live === undefined ? [] : agreementsOf(live, summaries);
  for (const agreement of agreements) output.stderr.write(`${agreementText(agreement)}\n`);
  const isFaithful = agreements.every(({ differingShare }) => differingShare <= faithfulShare);
  const isComplete = summaries.every(({ activations }) => activations.succeeded === activations.expected);
  return isComplete && isFaithful ? 0 : 1;
}

function runOneArm(workload: Workload<SimOptions>, output: CommandOutput): ReportedRun {
  const { options } = workload;
  const run = runArm(workload, options.arm, options.outDir);
  output.stdout.write(options.json ? jsonText(run.summary) : `${renderRun(run.summary)}\n`);
  return run;
}

function compareArms(workload: Workload<SimOptions>, output: CommandOutput): readonly ReportedRun[] {
  const { options } = workload;
  const runs = comparisonArms.map((arm) =>
    runArm(workload, arm, options.outDir === undefined ? undefined : path.join(options.outDir, armSlug(arm))),
  );
  const comparison: Comparison = { formatVersion: 1, arms: runs.map(({ summary }) => summary) };
  if (options.outDir !== undefined) writeJsonFile(path.join(options.outDir, 'summary.json'), comparison);
  output.stdout.write(options.json ? jsonText(comparison) : `${renderComparison(comparison)}\n`);
  return runs;
}

/** Simulates one arm and writes its files where a folder is given. */
function runArm(workload: Workload<SimOptions>, arm: Arm, folder: string | undefined): ReportedRun {
  const { result, summary } = simulateArm(workload, arm);
  if (folder !== undefined) writeRun(folder, result, summary);
  const { rows, journalEntries, replayStartedAt: startedAt, replayEndedAt: endedAt } = result;
  return { summary, rows, journalEntries, startedAt, endedAt };
}

function writeRun(folder: string, result: SimulationResult, summary: Summary): void {
  const files = openRunFiles(folder);
  try {
    for (const line of result.journalLines) files.writeJournalLine(line);
    for (const row of result.rows) files.writeRow(row);
    files.writeJson('summary.json', summary);
  } finally {
    files.close();
  }
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
