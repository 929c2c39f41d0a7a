// Which invokers there are, as their heartbeats tell.
import type { InvokerPinged } from './events.ts';
import { silentAfterMs, type InvokerStanding } from './placement.ts';
import type { ObservedInvoker, PreloaderState } from './state.ts';

/** Heartbeats come every second (InvokerReactive.scala): who was not heard in twice that is not there. */
export const invokersKnownAfterMs = 2_000;

/** Takes a heartbeat in; with the first one begins the time that the others have to be heard. */
export function notePing(state: PreloaderState, { invoker, at, isEnabled, userMemoryBytes }: InvokerPinged): void {
  if (state.invokers.size === 0) {
    state.invokersKnownAt = at + invokersKnownAfterMs;
    state.areInvokersKnown = false;
  }
  const known = state.invokers.get(invoker);
  const lastPingAt = Math.max(at, known?.lastPingAt ?? at);
  state.invokers.set(invoker, { lastPingAt, isEnabled, userMemoryBytes, wasHealthy: known?.wasHealthy ?? false });
}

/**
 * Whether an invoker came, went or changed its mind since the last review. Of the first ones nothing is said until the others
 * have had their time: placed among a few of them, every action would be loaded where it is not called.
 */
export function reviewInvokers(state: PreloaderState, now: number): boolean {
  const isHeard = ({ lastPingAt }: ObservedInvoker): boolean => now - lastPingAt < silentAfterMs;
  // When all fall silent at once, it is this reader that hears nothing; what it planned stands.
  if (state.invokers.size > 0 && ![...state.invokers.values()].some(isHeard)) return false;
  let hasChanged = becomeKnown(state, now);
  for (const invoker of state.invokers.values()) {
    const isHealthy = invoker.isEnabled && isHeard(invoker);
    if (isHealthy !== invoker.wasHealthy) hasChanged = true;
    invoker.wasHealthy = isHealthy;
  }
  return hasChanged && state.areInvokersKnown;
}

/** The invokers as the last review left them. */
export function standingsOf(state: PreloaderState): InvokerStanding[] {
  return [...state.invokers].map(([invoker, { wasHealthy, userMemoryBytes }]) => ({ invoker, isHealthy: wasHealthy, userMemoryBytes }));
}

/** Whether all have had their time from this moment on. Where none is ever heard, plans name nobody: they are for whoever reads them. */
function becomeKnown(state: PreloaderState, now: number): boolean {
  if (state.areInvokersKnown) return false;
  state.invokersKnownAt ??= now + silentAfterMs;
  state.areInvokersKnown = now >= state.invokersKnownAt;
  return state.areInvokersKnown;
}
