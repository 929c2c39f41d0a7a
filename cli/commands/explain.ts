// `instainfer explain`: why an activation started as it did, asked of a running server or read from a journal.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readConfigFile, withConfigFile } from '../../common/config-file.ts';
import { helpText, isHelpRequested, parseOptions, textOption } from '../../common/config.ts';
import { AppError, describeError } from '../../common/errors.ts';
import { failureReasons, startTypes } from '../../invoker-plugin/core/commands.ts';
import { explanationLines, Explanations, preparationKinds, type ActivationExplanation } from '../../invoker-plugin/explanations.ts';
import { parseJournal } from '../../invoker-plugin/journal.ts';
import { exitCodes } from '../command.ts';
import { askServer, serverAccessTable } from '../inspect/server-access.ts';

const explainTable = withConfigFile({
  activation: textOption({ flag: 'activation', env: 'INSTAINFER_ACTIVATION', description: 'Id of the activation; the last one where it is not given.', valueName: 'ID' }),
  journal: textOption({ flag: 'journal', env: 'INSTAINFER_JOURNAL', description: 'Reads this journal instead of asking a server: standalone, invoker and demo write one.', valueName: 'FILE' }),
  ...serverAccessTable,
});
const usage = `usage: instainfer explain [--activation ID] [options]

Says in which container an activation started, how, and what was done for its action ahead of the call.`;

const explanationSchema = z.object({
  activationId: z.string(),
  actionKey: z.string(),
  arrivedAt: z.number(),
  waited: z.boolean(),
  decision: z.object({ at: z.number(), startType: z.enum(startTypes), containerId: z.string(), clean: z.enum(['none', 'retain', 'discard']), init: z.boolean() }).exactOptional(),
  refusal: z.enum(failureReasons).exactOptional(),
  finished: z.object({ at: z.number(), initMs: z.number(), loadMs: z.number(), runMs: z.number() }).exactOptional(),
  preparations: z.array(z.object({ at: z.number(), containerId: z.string(), what: z.enum(preparationKinds), why: z.string() })),
}) satisfies z.ZodType<ActivationExplanation>;

export async function runExplain(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(explainTable, usage));
    return exitCodes.ok;
  }
  const { values } = parseOptions({ table: explainTable, argv, env, file: readConfigFile(argv, env) });
  const explanation =
    values.journal === undefined
      ? await askServer(values, `/instainfer/v1/explain/${encodeURIComponent(values.activation ?? 'last')}`, explanationSchema)
      : explainFromJournal(values.journal, values.activation);
  process.stdout.write(values.json ? `${JSON.stringify(explanation, null, 2)}\n` : `${explanationLines(explanation).join('\n')}\n`);
  return exitCodes.ok;
}

/** @throws AppError BAD_JOURNAL, BAD_OPTION */
function explainFromJournal(file: string, activationId: string | undefined): ActivationExplanation {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AppError('BAD_JOURNAL', `The journal ${file} cannot be read: ${describeError(cause)}.`, 'Name a file that --journal has written.', { cause });
  }
  const explanations = new Explanations();
  for (const { event, commands } of parseJournal(text.split('\n')).entries) explanations.observe(event, commands);
  const id = activationId ?? explanations.activationIds.at(-1);
  const explanation = id === undefined ? undefined : explanations.get(id);
  if (explanation === undefined) throw new AppError('BAD_OPTION', `The journal ${file} knows no activation${id === undefined ? '' : ` ${id}`}.`, 'Leave --activation out for the last one in it.');
  return explanation;
}
