// A command's settings in a file of JSON, keyed by flag: `--config FILE` of every command that takes one.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { textOption, type OptionTable, type SettingsFile } from './config.ts';
import { AppError, describeError } from './errors.ts';

const settingsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]));

/** The entry that a command's table takes in so that --help names it. */
export const configFileOption = textOption({
  flag: 'config',
  env: 'INSTAINFER_CONFIG',
  description: 'A JSON file of settings keyed by flag, such as {"user-memory": "4096m"}; environment and flags win over it.',
  valueName: 'FILE',
});

/** The file that the arguments or the environment name; undefined where they name none. @throws AppError BAD_OPTION */
export function readConfigFile(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): SettingsFile | undefined {
  const name = configFileName(argv) ?? env[configFileOption.env];
  if (name === undefined || name === '') return undefined;
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(name, 'utf8'));
  } catch (cause) {
    throw new AppError('BAD_OPTION', `The settings in ${name} cannot be read: ${describeError(cause)}.`, 'Give a JSON file: {"flag": value, ...}.', { cause });
  }
  const parsed = settingsSchema.safeParse(json);
  if (!parsed.success) {
    throw new AppError('BAD_OPTION', `${name}: ${parsed.error.issues[0]?.path.join('.') ?? ''} is neither text, number, on/off nor a list of texts.`, 'Write {"flag": value, ...} with the flags of --help.');
  }
  return { name, settings: parsed.data };
}

function configFileName(argv: readonly string[]): string | undefined {
  const flag = `--${configFileOption.flag}`;
  const index = argv.findLastIndex((argument) => argument === flag || argument.startsWith(`${flag}=`));
  const argument = argv[index];
  return argument === flag ? argv[index + 1] : argument?.slice(flag.length + 1);
}

/** A table with `--config` in it. */
export function withConfigFile<Table extends OptionTable>(table: Table): Table & { readonly config: typeof configFileOption } {
  return { ...table, config: configFileOption };
}
