// Option tables as Markdown, to hold a README against them.
import type { OptionTable } from '../../common/config.ts';

/** One row for each option: flag with values, default, environment variable, sentence. */
export function optionsMarkdown(table: OptionTable): string {
  const rows = Object.values(table).map((option) => {
    const value: unknown = option.defaultValue;
    const defaultText = value === undefined ? '' : typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
    const flag = `\`--${option.flag} ${option.valueName.replaceAll('|', '\\|')}\``;
    return `| ${flag} | ${defaultText} | \`${option.env}\` | ${option.description} |`;
  });
  return ['| option | default | variable | |', '|---|---|---|---|', ...rows].join('\n');
}
