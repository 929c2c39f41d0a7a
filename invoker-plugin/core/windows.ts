// When an idle container's time is over: its keep-alive or zygote window, or what it is worth. Reads the state and changes nothing.
import type { Action } from './action.ts';
import type { SchedulerConfig } from './config.ts';
import { classOf, type Container } from './container.ts';
import { actionOf, idleOfClass, type StepContext } from './state.ts';
import { holdsPin, isIdleOver, wishedKeepAliveMs } from './wishes.ts';
import { isReserveWorthIts, isWorthItsMemory, staysWorthMs } from './worth.ts';

/** A plan may shorten or lengthen the configured keep-alive by these factors, so that one odd history cannot empty or fill the pool. */
const leastKeepAliveShare = 0.1;
const mostKeepAliveShare = 4;
/**
 * An idle container's worth is looked at again after this long, and later the longer it is idle: it falls with the silence, slower and
 * slower. While it is sure to be worth its memory it is looked at as seldom as this.
 */
const worthLookMs = 10_000;
const worthLookShare = 0.25;
const longestWorthLookMs = 300_000;
/** A container that is kept for pinned places past its window is looked at again after this long. */
export const heldLookMs = 60_000;

/** How long an idle container is kept for its own action. */
function keepAliveMsOf(action: Action, config: SchedulerConfig): number {
  const planned = action.plan?.keepAliveWindowMs;
  const plannedMs = planned === undefined ? config.keepAliveMs : Math.min(Math.max(planned, leastKeepAliveShare * config.keepAliveMs), mostKeepAliveShare * config.keepAliveMs);
  return wishedKeepAliveMs(action, plannedMs);
}

/** When an idle container's window ends; undefined for a stem cell that belongs to the stock, or to another invoker, and for what is kept for pinned places. */
export function deadlineOf(context: StepContext, container: Container): number | undefined {
  const { state, config } = context;
  if (container.isBorrowed || container.heldForPins) return undefined;
  switch (container.role) {
    case 'warm':
      return container.idleSince + keepAliveMsOf(actionOf(state, container.ownActionKey ?? ''), config);
    case 'zygote':
      return container.idleSince + config.zygoteWindowMs;
    case 'stem': {
      const awaited = container.prewarmedFor === undefined ? undefined : state.actions.get(container.prewarmedFor);
      if (awaited !== undefined) return container.idleSince + keepAliveMsOf(awaited, config);
      return hasSurplusStemCells(context, container.memoryLimitBytes) ? container.idleSince + config.zygoteWindowMs : undefined;
    }
  }
}

/** When an idle container is to be looked at again; undefined: not before something happens to it. */
export function nextLookAt(context: StepContext, container: Container): number | undefined {
  const endsAt = container.heldForPins ? context.now + heldLookMs : deadlineOf(context, container);
  if (!isPriced(context, container)) return endsAt;
  const sureMs = Math.min(longestWorthLookMs, staysWorthMs(context, container));
  return Math.min(endsAt ?? Infinity, Math.ceil(context.now + Math.max(worthLookMs, worthLookShare * (context.now - container.idleSince), sureMs)));
}

/** Whether the container may go once its memory is not worth it: no stem cell that was asked for, as long as no other is there in its place. */
function isPriced(context: StepContext, { role, memoryLimitBytes, isBorrowed, heldForPins }: Container): boolean {
  if (!isMemoryPriced(context) || isBorrowed || heldForPins) return false;
  return role !== 'stem' || idleOfClass(context.state, classOf('stem', memoryLimitBytes, undefined)).size > askedStemCells(context, memoryLimitBytes);
}

/**
 * Whether it is not worth its memory any more; one that nothing has run in yet has a minute to be filled. Where stem cells that were
 * asked for are missing, one would be started in its place at once, with nothing in it.
 */
export function hasLostItsWorth(context: StepContext, container: Container): boolean {
  const leastIdleMs = container.role === 'stem' ? context.config.valueHorizonMs : worthLookMs;
  if (!isPriced(context, container) || context.now - container.idleSince < leastIdleMs) return false;
  if (container.load !== undefined || container.makingRoomFor !== undefined || holdsPin(context.state, container)) return false;
  const isAskedForStemCells = context.policy.stemCellCount(context.config) > 0;
  if (container.role === 'stem' ? !hasSurplusStemCells(context, container.memoryLimitBytes) : isAskedForStemCells && missingStemCells(context) > 0) return false;
  return !isWorthItsMemory(context, container);
}

/** How many stem cells of that size the operator asks for. */
function askedStemCells({ policy, config }: StepContext, memoryLimitBytes: number): number {
  return memoryLimitBytes === config.stemCellMemoryBytes ? policy.stemCellCount(config) : 0;
}

export function stemCellTarget(context: StepContext, memoryLimitBytes: number): number {
  const asked = askedStemCells(context, memoryLimitBytes);
  const mayBeReserve = asked === 0 && memoryLimitBytes === context.config.stemCellMemoryBytes;
  return mayBeReserve && isMemoryPriced(context) && isReserveWorthIts(context) ? 1 : asked;
}

/** Whether containers come and go by what they are worth: where they become zygotes at all, and with pre-loading. */
export function isMemoryPriced({ config, policy }: StepContext): boolean {
  return config.preload && config.memoryPriceMsPerGibSecond > 0 && policy.afterKeepAlive === 'zygote';
}

function hasSurplusStemCells(context: StepContext, memoryLimitBytes: number): boolean {
  const idleCount = idleOfClass(context.state, classOf('stem', memoryLimitBytes, undefined)).size;
  return idleCount > stemCellTarget(context, memoryLimitBytes);
}

/** How many stem cells are fewer, those included that are starting, than there should be. */
export function missingStemCells(context: StepContext): number {
  const { state, config } = context;
  const limit = config.stemCellMemoryBytes;
  const starting = state.unclaimedStarting.get(limit)?.size ?? 0;
  return stemCellTarget(context, limit) - starting - idleOfClass(state, classOf('stem', limit, undefined)).size;
}

/** Which window of a warm container is over: the keep-alive, or the shorter time that its action wishes. */
export function endedWindowOf({ state, now }: StepContext, { ownActionKey }: Container): 'keep-alive-over' | 'idle-ttl' {
  const own = actionOf(state, ownActionKey ?? '');
  return own.wishes.idleMs !== 0 && isIdleOver(own, now) ? 'idle-ttl' : 'keep-alive-over';
}
