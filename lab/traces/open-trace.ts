// Opens a trace of any schema the project reads; its first line tells which one it is.
import { readActivations } from './openwhisk-activations.ts';
import { readAzureTrace, type TraceFunction } from './azure-2019.ts';
import { readDayTotals, type FunctionTotal } from './azure-2019-details.ts';
import { readAzure2021 } from './azure-2021.ts';
import type { Invocation } from './invocation.ts';
import { readOutputLog } from './output-log.ts';
import { badTrace, fieldsOf, readLines } from './trace-file.ts';

/**
 * `counts`: calls per minute of each function (Azure 2019). `invocations`: a row for each call, in order of arrival (Azure
 * 2021, OpenWhisk activations, output.log). `totals`: calls per day of each function, without when.
 */
export type OpenedTrace =
  | { readonly kind: 'counts'; readonly schema: string; readonly functions: AsyncIterable<TraceFunction> }
  | { readonly kind: 'invocations'; readonly schema: string; readonly invocations: AsyncIterable<Invocation> | Iterable<Invocation> }
  | { readonly kind: 'totals'; readonly schema: string; readonly functions: AsyncIterable<FunctionTotal> };

/** Throws AppError BAD_TRACE where the file cannot be read or has none of the schemas. */
export async function openTrace(file: string): Promise<OpenedTrace> {
  const firstLine = await firstLineOf(file);
  const columns = new Set(fieldsOf(firstLine));
  if (columns.has('HashOwner')) return { kind: 'counts', schema: 'Azure Functions 2019, counts per minute', functions: readAzureTrace(file) };
  if (columns.has('HashFunction')) return { kind: 'totals', schema: 'Azure Functions 2019, totals of a day', functions: readDayTotals(file) };
  if (columns.has('end_timestamp')) return { kind: 'invocations', schema: 'Azure Functions 2021', invocations: readAzure2021(file) };
  if (firstLine.startsWith('{') && firstLine.includes('"startType"')) return { kind: 'invocations', schema: 'output.log', invocations: await readOutputLog(file) };
  if (/^(\[|\{|ok: got activation)/.test(firstLine)) return { kind: 'invocations', schema: 'OpenWhisk activations', invocations: await readActivations(file) };
  throw badTrace(file, 'line 1', `'${firstLine.slice(0, 40)}' begins none of the schemas that are read`, 'docs/policies.md lists them.');
}

async function firstLineOf(file: string): Promise<string> {
  for await (const line of readLines(file)) if (line.trim() !== '') return line.trim();
  throw badTrace(file, '', 'the file is empty', 'Give a trace.');
}
