// A comparison as one HTML page that needs nothing else: no script, no network. It computes nothing of its own.
import type { ComparisonRow } from '../compare.ts';
import { columns } from '../comparison-text.ts';
import { colourOf, memoryOverTime, memorySweep, seriesColours, startupDistribution, timeline } from './charts.ts';
import type { RunRecording } from './run-recording.ts';

export interface ReportInput {
  readonly title: string;
  /** One sentence each. */
  readonly notes: readonly string[];
  /** What to type to get the same figures. */
  readonly command: string;
  readonly seeds: readonly number[];
  readonly rows: readonly ComparisonRow[];
  /** One run to look at closely; absent where runs were too many or on several invokers. */
  readonly example: { readonly title: string; readonly recording: RunRecording } | undefined;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
/** Text of others, made harmless in HTML text and attributes. */
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? '');

/** Okabe and Ito's colours, told apart by all kinds of colour vision; yellow and black are changed for what each page can show. */
const light = ['#0072b2', '#d55e00', '#009e73', '#a8518a', '#b58900', '#3f8fc4', '#555555', '#7a4a1e'];
const dark = ['#56b4e9', '#ff8c42', '#1fc79a', '#e39ac6', '#f0e442', '#8fb8ff', '#bbbbbb', '#d0a070'];
const variables = (colours: readonly string[]): string => colours.map((colour, index) => `--c${index}:${colour}`).join(';');

const style = `:root{color-scheme:light dark;--page:#fff;--text:#1c1e21;--faint:#5c636b;--line:#d9dde2;${variables(light.slice(0, seriesColours))}}
@media(prefers-color-scheme:dark){:root{--page:#14171a;--text:#e8eaed;--faint:#a4abb3;--line:#343a41;${variables(dark.slice(0, seriesColours))}}}
body{margin:0 auto;max-width:64rem;padding:1.5rem 1rem 4rem;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.2rem;margin:2.5rem 0 .4rem}h3{font-size:1rem;margin:1.2rem 0 .2rem}
p,figcaption{color:var(--faint);margin:.2rem 0 .6rem}figure{margin:0}figure svg{width:100%;height:auto;max-width:100%}
.scroll{overflow-x:auto}.scroll svg{min-width:40rem}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{padding:.3rem .6rem;border-bottom:1px solid var(--line);text-align:right}th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}
tr.ours{font-weight:600}ul.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:0;margin:.3rem 0;list-style:none;font-size:.85rem}
.legend svg{width:1.6rem;height:.7rem;vertical-align:middle;margin-right:.35rem}pre{overflow-x:auto;border:1px solid var(--line);border-radius:6px;padding:.7rem}`;

function legend(names: readonly string[]): string {
  const items = names.map((name, index) => `<li><svg viewBox="0 0 26 11" aria-hidden="true"><line x1="0" y1="5.5" x2="26" y2="5.5" stroke="${colourOf(index)}" stroke-width="4"${index < seriesColours ? '' : ' stroke-dasharray="6 3"'}/></svg>${escaped(name)}</li>`);
  return `<ul class="legend">${items.join('')}</ul>`;
}

const memoryText = ({ memoryShare, poolMemoryBytes }: ComparisonRow): string => `${memoryShare === null ? '' : `${memoryShare * 100} % = `}${Math.round(poolMemoryBytes / 2 ** 20)} MB`;

function table(rows: readonly ComparisonRow[]): string {
  const head = ['memory', 'policy', ...columns.map((column) => column.head)].map((text) => `<th scope="col">${escaped(text)}</th>`).join('');
  const body = rows.map((row) => {
    const cells = columns.map(({ measure, text, withInterval }) => {
      const { mean, halfWidth } = row.estimates[measure];
      return `<td>${escaped(withInterval === true && row.runs.length > 1 ? `${text(mean)} ± ${text(halfWidth)}` : text(mean))}</td>`;
    });
    return `<tr${row.policy === 'ours' ? ' class="ours"' : ''}><td>${escaped(memoryText(row))}</td><td>${escaped(row.policy)}</td>${cells.join('')}</tr>`;
  });
  return `<div class="scroll" tabindex="0" role="region" aria-label="All figures"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

const figure = (svg: string, caption: string): string => `<figure><div class="scroll">${svg}</div><figcaption>${escaped(caption)}</figcaption></figure>`;

function exampleText({ title, recording }: NonNullable<ReportInput['example']>): string {
  const actions = [...new Set([...recording.starts, ...recording.held].map(({ action }) => action))].sort();
  const note = recording.isCut ? ' Only its beginning is shown.' : '';
  return `<h2>One run: ${escaped(title)}</h2>${legend(actions)}
${figure(timeline(recording, actions), `Containers and what was in them. Full colour: the container's own action; pale: resident beside it. ○ a call that found its artifacts, × one that did not.${note}`)}
${figure(memoryOverTime(recording), 'Memory limits of the containers that existed.')}`;
}

/** The page. Everything from outside is escaped; its policy allows styles and nothing else. */
export function comparisonReport({ title, notes, command, seeds, rows, example }: ReportInput): string {
  const policies = [...new Set(rows.map(({ policy }) => policy))];
  const sizes = [...new Set(rows.map(memoryText))];
  const distributions = sizes.map((size) => `<h3>${escaped(size)}</h3>${figure(startupDistribution(rows.filter((row) => memoryText(row) === size), policies), 'Share of the calls whose startup took no longer; left and up is better.')}`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${style}</style></head><body><main>
<h1>${escaped(title)}</h1>${notes.map((note) => `<p>${escaped(note)}</p>`).join('')}
<h2>Startup against memory</h2>${legend(policies)}${figure(memorySweep(rows, policies), 'Means over the seeds; bars are 95 % confidence intervals.')}
<h2>Startup, call by call</h2>${legend(policies)}${distributions.join('')}
${example === undefined ? '' : exampleText(example)}
<h2>All figures</h2>${table(rows)}
<h2>To repeat it</h2><pre>${escaped(command)}</pre><p>Seeds ${escaped(seeds.join(', '))}.</p>
</main></body></html>
`;
}
