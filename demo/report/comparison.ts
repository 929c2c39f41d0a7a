// What the arms of a comparison say about each other: ratios, what each part contributes, and one sentence to quote.
import { armName, type Arm } from '../arms.ts';
import { roundTo } from '../../common/statistics.ts';
import type { Comparison, Summary } from './summary-schema.ts';

/** One step from an arm to the next: what was added and what that did to the mean startup. */
export interface Contribution {
  readonly part: string;
  readonly from: string;
  readonly to: string;
  /** Mean startup of the earlier arm minus that of the later one, ms; negative where the part makes it worse. */
  readonly savedMs: number;
  /** Of the first arm's mean startup, 0 to 1. */
  readonly shareOfFirst: number;
}

/** The contributions in order; their sum is what the last arm saves against the first. Arms without a success are left out. */
export function contributionsOf(comparison: Comparison): Contribution[] {
  const arms = comparison.arms.flatMap((summary) => (summary.startupMs === null ? [] : [{ summary, meanMs: summary.startupMs.mean }]));
  const firstMeanMs = arms[0]?.meanMs ?? 0;
  return arms.slice(1).map(({ summary, meanMs }, index) => {
    const previous = arms[index];
    if (previous === undefined) throw new RangeError('a contribution needs an arm before it');
    const savedMs = previous.meanMs - meanMs;
    return {
      part: partsAdded(previous.summary.context.arm, summary.context.arm),
      from: armName(previous.summary.context.arm),
      to: armName(summary.context.arm),
      savedMs: roundTo(savedMs, 3),
      shareOfFirst: firstMeanMs === 0 ? 0 : roundTo(savedMs / firstMeanMs, 4),
    };
  });
}

function partsAdded(from: Arm, to: Arm): string {
  const parts: string[] = [];
  if (from.policy !== to.policy) parts.push(to.policy === 'pagurus' ? 'zygotes' : to.policy === 'stemcell' ? 'stem cells' : 'keep-alive only');
  if (from.loading !== to.loading) parts.push(`${to.loading} loading`);
  if (from.preload !== to.preload) parts.push(to.preload ? 'pre-loading' : 'no pre-loading');
  return parts.length === 0 ? 'nothing' : parts.join(' and ');
}

/** How many times smaller `later` is, such as `13.5×`; a dash where there is nothing to compare. */
export function ratioText(first: number | undefined, later: number | undefined): string {
  if (first === undefined || later === undefined || later <= 0) return '–';
  return `${(first / later).toFixed(first / later < 10 ? 2 : 1)}×`;
}

/** The sentence that sums a comparison up, with what it may not be quoted without. */
export function comparisonSentence(comparison: Comparison): string {
  const first = comparison.arms[0];
  const last = comparison.arms.at(-1);
  if (first === undefined || last === undefined || first.startupMs === null || last.startupMs === null) {
    return 'No comparison: an arm has no successful activation.';
  }
  const [before, after] = [first.startupMs.mean, last.startupMs.mean];
  const change = after < before ? `${ratioText(before, after)} less` : `${ratioText(after, before)} more`;
  const lastStep = contributionsOf(comparison).at(-1);
  const step =
    lastStep === undefined
      ? ''
      : ` ${capitalised(lastStep.part)} alone ${lastStep.savedMs >= 0 ? 'takes off' : 'adds'} ${msText(Math.abs(lastStep.savedMs))} of it, against "${lastStep.from}".`;
  return (
    `${sourceText(first)}: mean startup of ${last.activations.succeeded} activations goes from ${msText(before)} ` +
    `("${armName(first.context.arm)}") to ${msText(after)} ("${armName(last.context.arm)}"), ${change}; ` +
    `${percentText(last.warmOrPreloadedShare)} start warm or preloaded instead of ${percentText(first.warmOrPreloadedShare)}.` +
    `${step}${failureText(comparison.arms)}`
  );
}

/** The sentence that sums one run up. */
export function runSentence(summary: Summary): string {
  if (summary.startupMs === null) return `No activation of ${summary.activations.expected} succeeded.`;
  return (
    `${sourceText(summary)}: ${percentText(summary.warmOrPreloadedShare)} of ${summary.activations.succeeded} activations start ` +
    `warm or preloaded (${percentText(summary.preloadedShare)} preloaded); startup is ${msText(summary.startupMs.mean)} on average, ` +
    `${msText(summary.startupMs.p50)} in the median, ${msText(summary.startupMs.p99)} at the 99th percentile ` +
    `("${armName(summary.context.arm)}").${failureText([summary])}`
  );
}

/** What memory and keep-alive bound in these figures; the same in every arm, and not what OpenWhisk has by default. */
export function boundsNote(summary: Summary): string {
  const { poolMemoryMb, containerMemoryMb, keepAliveSeconds, zygoteWindowSeconds, trace } = summary.context;
  const containers = Math.floor(poolMemoryMb / containerMemoryMb);
  const actions = summary.actions.length;
  const room =
    containers < actions
      ? `room for ${containers} containers while ${actions} actions are called, so they compete`
      : `room for ${containers} containers, so the ${actions} actions called hardly compete`;
  const expiry =
    keepAliveSeconds < trace.minutes * 60
      ? "shorter than the trace, as in the original's build; with the 600 s of stock OpenWhisk nothing expires here: try --keep-alive 600"
      : 'as long as the trace, so no container expires';
  return (
    `Bounds, equal in every arm: ${poolMemoryMb} MB of memory (${room}); keep-alive ${keepAliveSeconds} s ` +
    `(${expiry}); zygote window ${zygoteWindowSeconds} s. More of either helps every arm and leaves less to gain.`
  );
}

/** Such as `223 ms` or `1.94 s`. */
export function msText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

/** The same; a dash where there is no value. */
export function optionalMsText(ms: number | null | undefined): string {
  return ms === undefined || ms === null ? '–' : msText(ms);
}

export function percentText(share: number | null): string {
  return share === null ? '–' : `${(share * 100).toFixed(1)} %`;
}

function sourceText(summary: Summary): string {
  const small = summary.context.smallModels ? ', small models' : '';
  return `${summary.context.source === 'live' ? 'Measured' : 'Simulated'} (seed ${summary.context.seed}, ${summary.context.cache} cache${small})`;
}

function failureText(arms: readonly Summary[]): string {
  const missing = arms.reduce((sum, { activations }) => sum + activations.expected - activations.succeeded, 0);
  return missing === 0 ? '' : ` ${missing} activations failed or were not run, and are left out.`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
