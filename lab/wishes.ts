// What functions of a trace ask of the scheduler: annotations as an action would have them, out of a file, by name.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { shortNameOf } from '../common/action-identity.ts';
import { AppError, describeError } from '../common/errors.ts';
import { mayWishOf, readWishes } from '../invoker-plugin/action-wishes.ts';
import type { ActionWishes } from '../invoker-plugin/core/wishes.ts';
import type { LoadedTrace } from './build-workload.ts';

export type WishesByName = ReadonlyMap<string, ActionWishes>;

const fileSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
const example = 'Write it as {"resnet50": {"preload-pin": 1}}.';
/** What every function of a trace is taken to declare. */
const preload = { libraries: ['model'] };

/** Everybody may ask for everything here. @throws AppError BAD_OPTION */
export async function readWishesFile(file: string): Promise<WishesByName> {
  let content: z.infer<typeof fileSchema>;
  try {
    content = fileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new AppError('BAD_OPTION', `--wishes ${file} cannot be read: ${describeError(cause)}.`, example, { cause });
  }
  const found = new Map<string, ActionWishes>();
  for (const [name, annotations] of Object.entries(content)) {
    const { wishes, problems } = readWishes({ preload, ...annotations }, [], mayWishOf(['*']));
    const [problem] = problems;
    if (problem !== undefined) throw new AppError('BAD_OPTION', `--wishes ${file}, ${name}: ${problem.text}`, example);
    if (wishes !== undefined) found.set(name, wishes);
  }
  return found;
}

/** The same trace, with functions that wish. Its workloads throw AppError BAD_OPTION where none has one of the names. */
export function withWishes(trace: LoadedTrace, wishes: WishesByName): LoadedTrace {
  return {
    ...trace,
    workload: (seed) => {
      const workload = trace.workload(seed);
      const functions = workload.functions.map((each) => ({ ...each, wishes: wishes.get(shortNameOf(each.actionKey)) }));
      if (functions.every((each) => each.wishes === undefined)) {
        throw new AppError('BAD_OPTION', `No function of the trace is one of ${[...wishes.keys()].join(', ')}.`, `Name some of ${functions.slice(0, 8).map(({ actionKey }) => shortNameOf(actionKey)).join(', ')}.`);
      }
      return { ...workload, functions };
    },
  };
}
