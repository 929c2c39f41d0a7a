// The other two files of a day of the Azure Functions Trace 2019: how long functions run and how much memory applications
// hold. Row by row, nothing kept.
import { parseTable, readLines } from './trace-file.ts';

export interface FunctionDurations {
  readonly functionKey: string;
  readonly averageMs: number;
  readonly count: number;
  readonly minimumMs: number;
  readonly maximumMs: number;
}

/** Rows of `function_durations_percentiles.anon.dNN.csv`; milliseconds, cold starts left out by the publisher. */
export async function* readFunctionDurations(file: string): AsyncGenerator<FunctionDurations> {
  const columns = ['HashOwner', 'HashApp', 'HashFunction', 'Average', 'Count', 'Minimum', 'Maximum'];
  for await (const row of parseTable(readLines(file), file, columns)) {
    yield {
      functionKey: `${row.text('HashOwner')}/${row.text('HashApp')}/${row.text('HashFunction')}`,
      averageMs: row.number('Average'),
      count: row.number('Count'),
      minimumMs: row.number('Minimum'),
      maximumMs: row.number('Maximum'),
    };
  }
}

export interface AppMemory {
  /** `owner/app`: memory is published for applications, not functions. */
  readonly appKey: string;
  readonly sampleCount: number;
  readonly averageMb: number;
}

/** Rows of `app_memory_percentiles.anon.dNN.csv` (days 1 to 12 only); allocated virtual memory in MB. */
export async function* readAppMemory(file: string): AsyncGenerator<AppMemory> {
  for await (const row of parseTable(readLines(file), file, ['HashOwner', 'HashApp', 'SampleCount', 'AverageAllocatedMb'])) {
    yield {
      appKey: `${row.text('HashOwner')}/${row.text('HashApp')}`,
      sampleCount: row.number('SampleCount'),
      averageMb: row.number('AverageAllocatedMb'),
    };
  }
}

export interface FunctionTotal {
  readonly functionKey: string;
  readonly averageMs: number;
  /** Invocations of the day. */
  readonly count: number;
}

/** Rows of a day's totals, `HashFunction,Average,Count`: popularity and mean duration in ms, without when anything happened. */
export async function* readDayTotals(file: string): AsyncGenerator<FunctionTotal> {
  for await (const row of parseTable(readLines(file), file, ['HashFunction', 'Average', 'Count'])) {
    yield { functionKey: row.text('HashFunction'), averageMs: row.number('Average'), count: row.number('Count') };
  }
}
