// The frame of every report: one HTML file that needs nothing else, its colours in light and dark, and the parts that reports
// are made of. Everything from outside is escaped here; the page's policy allows styles and nothing else.
import { colourOf, memoryOverTime, seriesColours, timeline } from './charts.ts';
import type { RunRecording } from './run-recording.ts';

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

export function legend(names: readonly string[]): string {
  const items = names.map((name, index) => `<li><svg viewBox="0 0 26 11" aria-hidden="true"><line x1="0" y1="5.5" x2="26" y2="5.5" stroke="${colourOf(index)}" stroke-width="4"${index < seriesColours ? '' : ' stroke-dasharray="6 3"'}/></svg>${escaped(name)}</li>`);
  return `<ul class="legend">${items.join('')}</ul>`;
}

export const figure = (svg: string, caption: string): string => `<figure><div class="scroll">${svg}</div><figcaption>${escaped(caption)}</figcaption></figure>`;

/** A table whose first columns are names and whose others are figures; a row may stand out. */
export function figureTable(head: readonly string[], rows: readonly { readonly cells: readonly string[]; readonly standsOut: boolean }[]): string {
  const headCells = head.map((text) => `<th scope="col">${escaped(text)}</th>`).join('');
  const body = rows.map(({ cells, standsOut }) => `<tr${standsOut ? ' class="ours"' : ''}>${cells.map((text) => `<td>${escaped(text)}</td>`).join('')}</tr>`).join('');
  return `<div class="scroll" tabindex="0" role="region" aria-label="All figures"><table><thead><tr>${headCells}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** One run closely: which container held what, where calls started, and memory over time. */
export function runSection(title: string, recording: RunRecording): string {
  const actions = [...new Set([...recording.starts, ...recording.held].map(({ action }) => action))].sort();
  const note = recording.isCut ? ' Only its beginning is shown.' : '';
  return `<h2>One run: ${escaped(title)}</h2>${legend(actions)}
${figure(timeline(recording, actions), `Containers and what was in them. Full colour: the container's own action; pale: resident beside it. ○ a call that found its artifacts, × one that did not.${note}`)}
${figure(memoryOverTime(recording), 'Memory limits of the containers that existed.')}`;
}

/** What to type for the same figures. */
export const repetition = (command: string, more = ''): string => `<h2>To repeat it</h2><pre>${escaped(command)}</pre>${more === '' ? '' : `<p>${escaped(more)}</p>`}`;

/** @param sections HTML, made of the parts above */
export function reportPage(title: string, notes: readonly string[], sections: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${style}</style></head><body><main>
<h1>${escaped(title)}</h1>${notes.map((note) => `<p>${escaped(note)}</p>`).join('')}
${sections.join('\n')}
</main></body></html>
`;
}
