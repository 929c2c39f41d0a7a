// One declarative entry for each setting: flag, environment variable, default, rule, one sentence. From the table come the
// parsed, frozen options and the --help text. Rules that tie several settings together belong to whoever owns the table.
import { AppError } from './errors.ts';
import { nearMatches } from './near-matches.ts';

/** What a parser makes of a text: the value, or the rule that the text breaks, to follow "has to be". */
export type ParsedText<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly rule: string };

export interface OptionDefinition<T> {
  /** Without the leading dashes, such as `keep-alive`. */
  readonly flag: string;
  readonly env: string;
  /** Names that the same setting has elsewhere, such as OpenWhisk's own; `env` wins over them. */
  readonly envAliases?: readonly string[];
  readonly defaultValue: T;
  /** One sentence for the help text and the docs. */
  readonly description: string;
  /** What stands for the value in the help text, such as `MB` or `none|stemcell|pagurus`; empty for a bare flag. */
  readonly valueName: string;
  /** A switch may stand alone, which means on. */
  readonly isSwitch: boolean;
  /** Every text that is allowed, where that is a closed list. */
  readonly allowedTexts?: readonly string[];
  readonly parse: (text: string) => ParsedText<T>;
}

// A table mixes value types; `any` lets each entry keep its own, and OptionValues recovers it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type OptionTable = Readonly<Record<string, OptionDefinition<any>>>;
export type OptionValues<Table extends OptionTable> = {
  readonly [Key in keyof Table]: Table[Key] extends OptionDefinition<infer T> ? T : never;
};

export interface ParsedOptions<Table extends OptionTable> {
  readonly values: OptionValues<Table>;
  /** Keys that the command line or the environment set; the others stand at their default. */
  readonly given: ReadonlySet<keyof Table>;
}

interface OptionTexts {
  readonly flag: string;
  readonly env: string;
  readonly envAliases?: readonly string[];
  readonly description: string;
}

const switchTexts: Readonly<Record<string, boolean>> = { on: true, true: true, off: false, false: false };

/** On or off: `--name`, `--name on`, `--name=off`, `--no-name`. */
export function switchOption(texts: OptionTexts & { defaultValue: boolean }): OptionDefinition<boolean> {
  return {
    ...texts,
    valueName: 'on|off',
    isSwitch: true,
    allowedTexts: ['on', 'off'],
    parse: (text) => {
      const value = Object.hasOwn(switchTexts, text) ? switchTexts[text] : undefined;
      return value === undefined ? { ok: false, rule: 'on or off' } : { ok: true, value };
    },
  };
}

/** One of a closed list of words. */
export function choiceOption<T extends string>(
  texts: OptionTexts & { defaultValue: T; choices: readonly T[] },
): OptionDefinition<T> {
  return {
    ...texts,
    valueName: texts.choices.join('|'),
    isSwitch: false,
    allowedTexts: texts.choices,
    parse: (text) => {
      const value = texts.choices.find((choice) => choice === text);
      return value === undefined ? { ok: false, rule: `one of ${texts.choices.join(', ')}` } : { ok: true, value };
    },
  };
}

/** A finite number within [min, max], whole if `integer`. */
export function numberOption(
  texts: OptionTexts & { defaultValue: number; valueName: string; min: number; max: number; integer?: boolean },
): OptionDefinition<number> {
  const rule = `${texts.integer === true ? 'a whole number' : 'a number'} from ${texts.min} to ${texts.max}`;
  return {
    ...texts,
    isSwitch: false,
    parse: (text) => {
      // Number() alone would take '', ' 1', '0x10' and '1e3', none of which a person means here.
      const value = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
      const isAllowed = value >= texts.min && value <= texts.max && (texts.integer !== true || Number.isInteger(value));
      return isAllowed ? { ok: true, value } : { ok: false, rule };
    },
  };
}

/** Any text that is not empty; absent by default. */
export function textOption(texts: OptionTexts & { valueName: string }): OptionDefinition<string | undefined> {
  return {
    ...texts,
    defaultValue: undefined,
    isSwitch: false,
    parse: (text) => (text.trim() === '' ? { ok: false, rule: 'a text that is not empty' } : { ok: true, value: text }),
  };
}

/** Words separated by commas, each once; absent by default. */
export function listOption(texts: OptionTexts & { valueName: string }): OptionDefinition<readonly string[] | undefined> {
  return {
    ...texts,
    defaultValue: undefined,
    isSwitch: false,
    parse: (text) => {
      const words = text.split(',').map((word) => word.trim());
      const isAllowed = words.every((word) => word !== '') && new Set(words).size === words.length;
      return isAllowed
        ? { ok: true, value: Object.freeze(words) }
        : { ok: false, rule: 'a list separated by commas, without gaps or repeats' };
    },
  };
}

export interface ParseOptionsInput<Table extends OptionTable> {
  readonly table: Table;
  /** The arguments after the program and command names. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Flags that exist elsewhere but make no sense here, each with the sentence that says why and what to do. */
  readonly flagsOfOthers?: Readonly<Record<string, string>>;
  /** Settings out of a file, keyed by flag. */
  readonly file?: SettingsFile | undefined;
}

/** Settings as they were read from a file: a list stands for a text with commas. */
export interface SettingsFile {
  /** For messages. */
  readonly name: string;
  readonly settings: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/**
 * Reads the options: the command line wins over the environment, which wins over the file, which wins over the default; a
 * flag given twice counts as last given. Throws AppError BAD_OPTION that names the key, the rule, the value found and what comes near.
 */
export function parseOptions<Table extends OptionTable>(input: ParseOptionsInput<Table>): ParsedOptions<Table> {
  const { table, argv, env } = input;
  const values: Record<string, unknown> = {};
  const given = new Set<keyof Table>();
  const set = (key: string, source: string, text: string): void => {
    values[key] = valueOf(table[key] as OptionDefinition<unknown>, source, text);
    given.add(key);
  };
  for (const [key, option] of Object.entries(table)) values[key] = option.defaultValue;
  for (const [flag, setting] of Object.entries(input.file?.settings ?? {})) {
    set(findOption(table, flag, input.flagsOfOthers ?? {}).key, `${flag} in ${input.file?.name ?? 'the file'}`, textOfSetting(setting));
  }
  for (const [key, option] of Object.entries(table)) {
    const name = [option.env, ...(option.envAliases ?? [])].find((candidate) => (env[candidate] ?? '') !== '');
    if (name !== undefined) set(key, name, env[name] ?? '');
  }
  for (const argument of readArguments(table, argv, input.flagsOfOthers ?? {})) {
    set(argument.key, `--${argument.flag}`, argument.text);
  }
  return { values: Object.freeze(values) as OptionValues<Table>, given };
}

function textOfSetting(setting: string | number | boolean | readonly string[]): string {
  if (typeof setting === 'boolean') return setting ? 'on' : 'off';
  return typeof setting === 'object' ? setting.join(',') : String(setting);
}

/** Whether the command line asks for the help text. */
export function isHelpRequested(argv: readonly string[]): boolean {
  return argv.includes('--help') || argv.includes('-h');
}

/** The help text: usage, then each option with its values, sentence, default and environment variable. */
export function helpText(table: OptionTable, usage: string): string {
  const entries = Object.values(table).map((option) => {
    const defaultText = describeDefault(option.defaultValue);
    const heading = `  --${option.flag}${option.valueName === '' ? '' : ` ${option.valueName}`}`;
    const notes = [defaultText === '' ? '' : `default ${defaultText}`, [option.env, ...(option.envAliases ?? [])].join(', ')].filter((note) => note !== '');
    return `${heading}\n      ${option.description} (${notes.join('; ')})`;
  });
  return `${usage}\n\nOptions:\n${entries.join('\n')}\n  --help\n      Prints this text.\n`;
}

function describeDefault(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return String(value);
}

interface Argument {
  readonly key: string;
  readonly flag: string;
  readonly text: string;
}

function readArguments(table: OptionTable, argv: readonly string[], flagsOfOthers: Readonly<Record<string, string>>): Argument[] {
  const found: Argument[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? '';
    if (!argument.startsWith('--') || argument === '--') {
      throw new AppError('BAD_OPTION', `'${argument}' is no option.`, 'Options start with two dashes; --help lists them.');
    }
    const equals = argument.indexOf('=');
    const flag = argument.slice(2, equals < 0 ? undefined : equals);
    const inlineText = equals < 0 ? undefined : argument.slice(equals + 1);
    const { key, option, negated } = findOption(table, flag, flagsOfOthers);
    if (negated) {
      if (inlineText !== undefined) throw new AppError('BAD_OPTION', `--${flag} takes no value.`, `Write --${flag} alone.`);
      found.push({ key, flag, text: 'off' });
      continue;
    }
    const next = argv[index + 1];
    const takesNext = inlineText === undefined && next !== undefined && isValueFor(option, next);
    if (takesNext) index += 1;
    const text = inlineText ?? (takesNext ? next : option.isSwitch ? 'on' : undefined);
    if (text === undefined) {
      throw new AppError('BAD_OPTION', `--${flag} needs a value.`, `Write --${flag} ${option.valueName}.`);
    }
    found.push({ key, flag, text });
  }
  return found;
}

/** A switch takes the next argument only if it says on or off; any other option unless it looks like a flag. */
function isValueFor(option: OptionDefinition<unknown>, next: string): boolean {
  return option.isSwitch ? Object.hasOwn(switchTexts, next) : !next.startsWith('--');
}

function findOption(
  table: OptionTable,
  flag: string,
  flagsOfOthers: Readonly<Record<string, string>>,
): { key: string; option: OptionDefinition<unknown>; negated: boolean } {
  for (const [key, option] of Object.entries(table)) {
    if (option.flag === flag) return { key, option, negated: false };
    if (option.isSwitch && flag === `no-${option.flag}`) return { key, option, negated: true };
  }
  const reason = Object.hasOwn(flagsOfOthers, flag) ? flagsOfOthers[flag] : undefined;
  if (reason !== undefined) throw new AppError('BAD_OPTION', `--${flag} is no option here.`, reason);
  const near = nearMatches(flag, Object.values(table).map((option) => option.flag));
  const fix = near.length === 0 ? '--help lists the options.' : `Did you mean ${near.map((match) => `--${match}`).join(' or ')}?`;
  throw new AppError('BAD_OPTION', `--${flag} is no option.`, fix);
}

function valueOf<T>(option: OptionDefinition<T>, source: string, text: string): T {
  const parsed = option.parse(text);
  if (parsed.ok) return parsed.value;
  const near = nearMatches(text, option.allowedTexts ?? []);
  const fix = near.length === 0 ? `Write --${option.flag} ${option.valueName}.` : `Did you mean '${near.join("' or '")}'?`;
  throw new AppError('BAD_OPTION', `${source} has to be ${parsed.rule}, but is '${text}'.`, fix);
}
