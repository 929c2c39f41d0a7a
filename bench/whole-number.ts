// A number on a benchmark's command line.
import { AppError } from '../common/errors.ts';

/** Throws AppError BAD_OPTION for anything but a whole number of at least 1; `text` is undefined where none follows the option. */
export function wholeNumber(name: string, text: string | undefined): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new AppError('BAD_OPTION', `--${name} is ${text === undefined || text === '' ? 'empty' : text}.`, 'Give a whole number of at least 1.');
  return value;
}
