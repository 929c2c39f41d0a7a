// The two charts over time. Colours are the page's, so that a change between light and dark needs no drawing.
import type * as PlotModule from '@observablehq/plot';
import type { ActionView, ActivationView, MemoryPoint } from '../../inspection/views.ts';
import { startTypes } from './activations.ts';
import { element } from './dom.ts';

/** Loaded by the page, before this script. */
declare const Plot: typeof PlotModule;

export const shownMs = 10 * 60_000;
const startColours = startTypes.map((type) => `var(--${type})`);
const narrow = 640;
/** How much of the future is shown. */
const aheadMs = 5 * 60_000;

/** @param untilMs how much of the future is shown */
function drawn(parent: HTMLElement, now: number, options: PlotModule.PlotOptions, untilMs = 0): void {
  // A text of 12 px stays readable where the chart is not made smaller than it was drawn.
  const width = Math.max(280, parent.clientWidth);
  const plot = Plot.plot({
    style: { background: 'transparent', color: 'currentColor', fontSize: '12px' },
    width,
    height: 190,
    marginLeft: 44,
    marginRight: 8,
    x: { type: 'time', domain: [new Date(now - shownMs), new Date(now + untilMs)], label: null, ticks: width < narrow ? 4 : 8 },
    ...options,
  });
  parent.replaceChildren(plot);
}

/** Calls in steps of ten seconds, by how they started. */
export function drawStarts(parent: HTMLElement, activations: readonly ActivationView[], now: number): void {
  const bins: PlotModule.BinXInputs<PlotModule.RectYOptions> = { x: { value: ({ at }: ActivationView) => new Date(at), interval: '10 seconds' }, fill: 'startType', order: [...startTypes], insetLeft: 0.5, insetRight: 0.5 };
  const recent = activations.filter(({ at, startType }) => startType !== undefined && at > now - shownMs);
  drawn(parent, now, {
    ariaLabel: 'Calls by start type over the last ten minutes',
    y: { label: '↑ calls in 10 s', grid: true, ticks: 4, tickFormat: 'd' },
    color: { domain: [...startTypes], range: startColours },
    marks: [
      Plot.rectY(recent, Plot.binX<PlotModule.RectYOptions>({ y: 'count' }, bins)),
      Plot.ruleY([0]),
    ],
  });
}

/** What the pool has given to containers, what they use, and what of that was loaded ahead. */
export function drawMemory(parent: HTMLElement, memory: readonly MemoryPoint[], now: number): void {
  const points = memory.filter(({ at }) => at > now - shownMs).map(({ at, poolUsedBytes, usedBytes, residentBytes }) => ({ at: new Date(at), given: poolUsedBytes / 2 ** 20, used: usedBytes / 2 ** 20, resident: residentBytes / 2 ** 20 }));
  const area = { x: 'at', curve: 'step-after' } as const;
  drawn(parent, now, {
    ariaLabel: 'Memory of the containers over the last ten minutes',
    y: { label: '↑ MB', grid: true, ticks: 4, zero: true },
    marks: [
      Plot.areaY(points, { ...area, y1: 'resident', y2: 'used', fill: 'var(--own)', fillOpacity: 0.65 }),
      Plot.areaY(points, { ...area, y1: 0, y2: 'resident', fill: 'var(--resident)', fillOpacity: 0.85 }),
      Plot.lineY(points, { ...area, y: 'given', stroke: 'var(--faint)', strokeWidth: 2, strokeDasharray: '5 3' }),
      Plot.ruleY([0]),
    ],
  });
}

/** Calls of each action, and the time for which its artifacts are wanted, past and to come. */
export function drawWindows(parent: HTMLElement, actions: readonly ActionView[], activations: readonly ActivationView[], now: number): void {
  const nameOf = new Map(actions.map(({ actionKey, qualifiedName }) => [actionKey, qualifiedName.slice(qualifiedName.indexOf('/') + 1)]));
  const names = [...nameOf.values()];
  const windows = actions.flatMap(({ actionKey, declaresArtifacts, forecast }) =>
    forecast === undefined || !declaresArtifacts ? [] : [{ name: nameOf.get(actionKey), from: new Date(Math.max(forecast.loadDueAt, now - shownMs)), to: new Date(Math.min(forecast.offloadDueAt, now + aheadMs)) }],
  );
  const calls = activations.flatMap(({ action, at, startType }) => (nameOf.has(action) && at > now - shownMs ? [{ name: nameOf.get(action), at: new Date(at), startType }] : []));
  const longest = Math.max(0, ...names.map((name) => name.length));
  drawn(parent, now, {
    ariaLabel: 'Calls and pre-load windows by action',
    height: 50 + names.length * 26,
    marginLeft: Math.min(160, 20 + longest * 7),
    y: { domain: names, label: null, tickFormat: (name: string) => (name.length > 20 ? `${name.slice(0, 19)}…` : name) },
    color: { domain: [...startTypes], range: startColours },
    marks: [
      Plot.barX(windows.filter(({ from, to }) => to > from), { x1: 'from', x2: 'to', y: 'name', fill: 'var(--resident)', fillOpacity: 0.25, insetTop: 3, insetBottom: 3 }),
      Plot.tickX(calls, { x: 'at', y: 'name', stroke: 'startType', strokeWidth: 2, insetTop: 2, insetBottom: 2 }),
      Plot.ruleX([new Date(now)], { stroke: 'var(--faint)', strokeDasharray: '3 3' }),
    ],
  }, aheadMs);
}

export function drawLegend(parent: HTMLElement, entries: readonly { readonly className: string; readonly text: string }[]): void {
  parent.replaceChildren(...entries.map(({ className, text }) => element('li', '', element('i', className), text)));
}
