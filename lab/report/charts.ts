// The charts of a report as SVG text: Observable Plot on a document without a browser. Colours are variables of the page, so
// that one drawing serves light and dark.
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { ComparisonRow } from '../compare.ts';
import type { HeldSpan, RunRecording } from './run-recording.ts';

/** Colours that the page defines as --c0 to --c7; a ninth series is drawn dashed. */
export const seriesColours = 8;
export const colourOf = (index: number): string => `var(--c${index % seriesColours})`;
const dashOf = (index: number): string => (index < seriesColours ? '' : '6 3');

const bytesPerGib = 2 ** 30;

function drawn(label: string, options: Plot.PlotOptions): string {
  // The project is compiled without the types of a browser, so the document is passed on without being looked into.
  const { document } = parseHTML('<!doctype html><html><body></body></html>') as unknown as { readonly document: never };
  const plot: unknown = Plot.plot({ document, ariaLabel: label, style: { background: 'transparent', color: 'currentColor', fontSize: '12px' }, width: 860, height: 340, marginLeft: 60, marginBottom: 42, ...options });
  return (plot as { readonly outerHTML: string }).outerHTML;
}

const widthOf = (policy: string, highlighted: string): number => (policy === highlighted ? 3 : 1.6);

/** Share of the calls whose startup was no longer than so much, for the policies at one size of memory. */
export function startupDistribution(rows: readonly Pick<ComparisonRow, 'policy' | 'startupQuantilesMs'>[], policies: readonly string[], highlighted: string): string {
  return drawn('Distribution of startup by policy', {
    x: { type: 'symlog', constant: 10, label: 'startup, ms →', ticks: [0, 10, 100, 1000, 10_000], grid: true },
    y: { label: '↑ share of calls', percent: false, tickFormat: '.0%', grid: true, domain: [0, 1] },
    marks: rows.map((row) => {
      const index = policies.indexOf(row.policy);
      const last = Math.max(1, row.startupQuantilesMs.length - 1);
      const points = row.startupQuantilesMs.map((ms, rank) => ({ ms, share: rank / last }));
      return Plot.line(points, { x: 'ms', y: 'share', stroke: colourOf(index), strokeWidth: widthOf(row.policy, highlighted), strokeDasharray: dashOf(index) });
    }),
  });
}

/** Mean startup against memory, with the confidence interval of each mean. */
export function memorySweep(rows: readonly ComparisonRow[], policies: readonly string[], highlighted: string): string {
  const points = rows.map(({ policy, poolMemoryBytes, estimates: { startupMeanMs } }) => ({
    policy,
    gib: poolMemoryBytes / bytesPerGib,
    ms: Math.max(0.1, startupMeanMs.mean),
    low: Math.max(0.1, startupMeanMs.mean - startupMeanMs.halfWidth),
    high: Math.max(0.1, startupMeanMs.mean + startupMeanMs.halfWidth),
  }));
  const lowestMs = Math.min(...points.map(({ ms }) => ms));
  const highestMs = Math.max(...points.map(({ high }) => high));
  return drawn('Mean startup against memory, by policy', {
    x: { label: 'memory of the pool, GiB →', grid: true, inset: 12 },
    // An interval may reach below zero, which a logarithm has no place for: it is cut where the means end.
    y: { type: 'log', label: '↑ mean startup, ms', grid: true, tickFormat: '~s', clamp: true, domain: [lowestMs / 2, highestMs * 1.1] },
    marks: policies.flatMap((policy, index) => {
      const own = points.filter((point) => point.policy === policy);
      const stroke = colourOf(index);
      return [
        Plot.ruleX(own, { x: 'gib', y1: 'low', y2: 'high', stroke }),
        Plot.line(own, { x: 'gib', y: 'ms', stroke, strokeWidth: widthOf(policy, highlighted), strokeDasharray: dashOf(index) }),
        Plot.dot(own, { x: 'gib', y: 'ms', fill: stroke, r: 4 }),
      ];
    }),
  });
}

/** What an event costs with so many functions, and how log n grows, both against the fewest. */
export function costBySize(points: readonly { readonly size: number; readonly ratio: number; readonly growth: number }[]): string {
  return drawn('Cost of an event against the number of functions', {
    x: { type: 'log', label: 'functions →', grid: true, tickFormat: ',' },
    y: { label: '↑ times', grid: true, zero: true },
    marks: [
      Plot.line(points, { x: 'size', y: 'ratio', stroke: colourOf(0), strokeWidth: 3 }),
      Plot.dot(points, { x: 'size', y: 'ratio', fill: colourOf(0), r: 4 }),
      Plot.line(points, { x: 'size', y: 'growth', stroke: colourOf(1), strokeWidth: 1.6, strokeDasharray: '6 3' }),
    ],
  });
}

/** Memory of the containers that exist, over the run. */
export function memoryOverTime(recording: RunRecording): string {
  const points = recording.memory.map(({ atMs, bytes }) => ({ minute: atMs / 60_000, gib: bytes / bytesPerGib }));
  return drawn('Memory held by containers over time', {
    height: 220,
    x: { label: 'minutes →' },
    y: { label: '↑ GiB held', grid: true, zero: true },
    marks: [
      Plot.areaY(points, { x: 'minute', y1: 0, y2: 'gib', curve: 'step-after', fill: 'var(--c0)', fillOpacity: 0.25 }),
      Plot.lineY(points, { x: 'minute', y: 'gib', curve: 'step-after', stroke: 'var(--c0)', strokeWidth: 2 }),
      Plot.ruleY([0]),
    ],
  });
}

/** A lane of its own for each thing that is in a container at the same time, the container's own action in the first. */
function lanesOf(held: readonly HeldSpan[]): ReadonlyMap<HeldSpan, number> {
  const lanes = new Map<HeldSpan, number>();
  const freeFrom = new Map<string, number[]>();
  for (const span of held.toSorted((left, right) => left.fromMs - right.fromMs)) {
    const ends = freeFrom.get(span.container) ?? [];
    freeFrom.set(span.container, ends);
    const lane = span.isOwn ? 0 : Math.max(1, [...Array(ends.length + 1).keys()].find((index) => index > 0 && (ends[index] ?? 0) <= span.fromMs) ?? 1);
    ends[lane] = span.toMs;
    lanes.set(span, lane);
  }
  return lanes;
}

/** Containers from top to bottom, what was in them in lanes, and how calls started. */
export function timeline(recording: RunRecording, actions: readonly string[]): string {
  const lanes = lanesOf(recording.held);
  const containers = [...new Set([...recording.held.map(({ container }) => container), ...recording.starts.map(({ container }) => container)])];
  const tops = new Map<string, number>();
  let rows = 0;
  for (const container of containers) {
    tops.set(container, rows);
    rows += 1.6 + Math.max(0, ...recording.held.filter((span) => span.container === container).map((span) => lanes.get(span) ?? 0));
  }
  const bars = recording.held.map((span) => {
    const y = (tops.get(span.container) ?? 0) + (lanes.get(span) ?? 0);
    return { x1: span.fromMs / 60_000, x2: span.toMs / 60_000, y1: y + 0.06, y2: y + 0.94, fill: colourOf(actions.indexOf(span.action)), opacity: span.isOwn ? 0.85 : 0.45, title: `${span.container}: ${span.action}${span.isOwn ? ', its own' : ', resident'}` };
  });
  const marks = recording.starts.map((start) => ({ ...start, minute: start.atMs / 60_000, y: (tops.get(start.container) ?? 0) + 0.5, isHit: start.startType === 'warm' || start.startType === 'preloaded', title: `${start.action}: ${start.startType}` }));
  return drawn('Containers, what was in them, and how calls started', {
    height: Math.max(160, rows * 16 + 60),
    x: { label: 'minutes →', grid: true },
    y: { domain: [0, Math.max(1, rows)], reverse: true, axis: null },
    marks: [
      Plot.rect(bars, { x1: 'x1', x2: 'x2', y1: 'y1', y2: 'y2', fill: 'fill', fillOpacity: 'opacity', title: 'title' }),
      Plot.text(containers, { x: 0, y: (container: string) => (tops.get(container) ?? 0) + 0.5, text: (container: string) => container, textAnchor: 'end', dx: -8 }),
      Plot.dot(marks.filter(({ isHit }) => isHit), { x: 'minute', y: 'y', r: 3, fill: 'var(--page)', stroke: 'currentColor', title: 'title' }),
      Plot.dot(marks.filter(({ isHit }) => !isHit), { x: 'minute', y: 'y', r: 4.5, symbol: 'times', stroke: 'currentColor', strokeWidth: 2.5, title: 'title' }),
    ],
    color: { type: 'identity' },
    opacity: { type: 'identity' },
  });
}
