// Where the time of a call went, as the header that browsers and tools show: out of its record.
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';

/** Such as `start;desc="preloaded", wait;dur=2, init;dur=5, run;dur=40`, in ms; without what did not happen. */
export function serverTimingOf({ annotations, duration = 0 }: Pick<WhiskActivation, 'annotations' | 'duration'>): string {
  const valueOf = (wanted: string): unknown => annotations.find(({ key }) => key === wanted)?.value;
  const msOf = (key: string): number | undefined => (typeof valueOf(key) === 'number' ? Number(valueOf(key)) : undefined);
  const [start, waitMs, initMs, loadMs] = [valueOf('startType'), msOf('waitTime'), msOf('initTime'), msOf('loadTime')];
  const runMs = Math.max(0, duration - (initMs ?? 0) - (loadMs ?? 0));
  const phases = { wait: waitMs, init: initMs, load: loadMs, run: runMs };
  return [
    ...(typeof start === 'string' ? [`start;desc="${start}"`] : []),
    ...Object.entries(phases).flatMap(([name, ms]) => (ms === undefined ? [] : [`${name};dur=${ms}`])),
  ].join(', ');
}
