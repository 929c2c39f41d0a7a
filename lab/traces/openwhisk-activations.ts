// Reads OpenWhisk activation records: what `wsk activation get` prints and what the REST interface lists, as an array, one a
// line, or one after the other. A list is newest first, so it is read whole and put in order.
import { createReadStream } from 'node:fs';
import { z } from 'zod';
import type { Invocation } from './invocation.ts';
import { topLevelObjects } from './json-objects.ts';
import { badTrace, refuseUnreadable } from './trace-file.ts';

/** More records than this are refused: they are kept until all are read. */
const mostRecords = 1_000_000;

const activationSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  /** Epoch ms at which the invoker began with it. */
  start: z.number(),
  end: z.number().optional(),
  duration: z.number().optional(),
  annotations: z.array(z.object({ key: z.string(), value: z.unknown() })).default([]),
});
type Activation = z.infer<typeof activationSchema>;

/** Calls in order of arrival; ms count from the first. Throws AppError BAD_TRACE where a record is none. */
export async function readActivations(file: string): Promise<readonly Invocation[]> {
  await refuseUnreadable(file);
  return parseActivations(createReadStream(file, { encoding: 'utf8' }), file);
}

/** As {@link readActivations}, from a text that is there already. */
export async function parseActivations(text: AsyncIterable<string> | Iterable<string>, file: string): Promise<readonly Invocation[]> {
  const found: Invocation[] = [];
  for await (const objectText of topLevelObjects(text)) {
    found.push(invocationOf(parseRecord(objectText, found.length + 1, file)));
    if (found.length > mostRecords) throw badTrace(file, '', `more than ${mostRecords} records`, 'Export a shorter time.');
  }
  if (found.length === 0) throw badTrace(file, '', 'there is no activation record in it', 'Give JSON as wsk activation get prints it.');
  found.sort((left, right) => left.atMs - right.atMs);
  const beginsAt = found[0]?.atMs ?? 0;
  return found.map((invocation) => ({ ...invocation, atMs: invocation.atMs - beginsAt }));
}

function parseRecord(text: string, number: number, file: string): Activation {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badTrace(file, `record ${number}`, 'this is no JSON', 'Export the records again.', cause);
  }
  const parsed = activationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw badTrace(file, `record ${number}`, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`, 'Give whole activation records, not a summary.');
}

/** `start` is when the invoker began: the call had arrived `waitTime` before. The duration includes /init, which `initTime` tells. */
function invocationOf(activation: Activation): Invocation {
  const annotation = (key: string): unknown => activation.annotations.find((candidate) => candidate.key === key)?.value;
  const numberIn = (key: string): number => {
    const value = annotation(key);
    return typeof value === 'number' ? value : 0;
  };
  const path = annotation('path');
  const lasted = activation.duration ?? (activation.end === undefined ? undefined : activation.end - activation.start);
  return {
    atMs: activation.start - numberIn('waitTime'),
    functionKey: typeof path === 'string' ? path : `${activation.namespace}/${activation.name}`,
    durationMs: lasted === undefined ? undefined : Math.max(0, lasted - numberIn('initTime')),
  };
}
