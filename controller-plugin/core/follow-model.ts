// How an action's calls follow those of one other: how often, how much later, and whether knowing it foretells them better
// than the gaps between them do.
import type { ActionKey } from '../../common/action-identity.ts';
import { delayDensity, delayShare } from '../../common/follow-forecast.ts';

/** What an action remembers of one that may precede it: about 100 bytes. */
export interface Predecessor {
  readonly actionKey: ActionKey;
  /** Calls of the predecessor, of all those it had, that were followed or are not expected to be any more. */
  handledCalls: number;
  /** Of the last of those: how many there were, and how many were followed. */
  calls: number;
  followed: number;
  /** Of ln delay in ms, moved. */
  logDelay: number;
  logVariance: number;
  /** Faded log-likelihood ratio of the past calls: with the predecessor known against by the gaps alone. */
  score: number;
}

/** How often and how late it follows is learnt from this many calls of the predecessor. */
const rememberedCalls = 32;
/** No spread of delays is believed that is smaller or larger; the first delay says nothing of it. */
const leastSpread = 0.1;
const mostSpread = 1.5;
const firstVariance = 1;
/** What a call has shown fades by this factor with each further one: the last twenty count most. */
const memory = 0.95;
/** No single call shows more than this: one that no gap foretold is likelier by anything. */
const mostShown = 3;
/** Log of what is thought less likely of any predecessor before its first call: some of many follow each other by chance. */
const prior = -4;
/** A call of the predecessor is given up when this share of the delays is over. */
const lateShare = 0.95;

/** A predecessor whose last call, the `calls`-th that it had, was followed once, after this delay. */
export function firstFollowed(actionKey: ActionKey, calls: number, delayMs: number): Predecessor {
  return { actionKey, handledCalls: calls, calls: 1, followed: 1, logDelay: Math.log(Math.max(delayMs, 1)), logVariance: firstVariance, score: 0 };
}

/** Share of the predecessor's calls that are followed. */
export function followedShareOf({ calls, followed }: Predecessor): number {
  return (followed + 0.5) / (calls + 1);
}

export function medianDelayMsOf({ logDelay }: Predecessor): number {
  return Math.exp(logDelay);
}

/** Wider than that of the past delays where these are few, √(1 + 1/n). */
export function spreadOf({ logVariance, followed }: Predecessor): number {
  return Math.min(mostSpread, Math.max(leastSpread, Math.sqrt(logVariance * (1 + 1 / Math.max(1, followed)))));
}

/** How far it is to be believed that it precedes: e^score / (e^score + e^−prior). */
export function weightOf({ score }: Predecessor): number {
  return 1 / (1 + Math.exp(-score - prior));
}

/** What a call came after. All times in epoch ms. */
export interface Circumstances {
  readonly at: number;
  /** The action's own last call before it. */
  readonly lastAt: number;
  /** How probable a call was at this moment by the gaps alone, per ms. */
  readonly hazardPerMs: number;
  /** Calls of the predecessor that nothing has followed yet, and when the last few of all came, oldest first. */
  readonly waiting: number;
  readonly formerTimes: readonly number[];
}

/**
 * Takes one more call in, that came when there were calls of the predecessor that nothing had followed yet.
 *
 * With h the hazard of the gaps, p and g the share of followed calls and the density of delays and G their share up to now, each
 * waiting call of the predecessor adds p·g / (1 − p·G) to the hazard, and having waited speaks against it: 1 − p·G is what it
 * was believed to be likely. So the call's likelihood is (1 + Σ p·g / (1 − p·G) / h) · Π (1 − p·G) / (1 − p·G before) times that
 * by the gaps alone. Where the waiting calls have the larger part of the hazard the likeliest of them was followed: it and all
 * before it wait no longer.
 *
 * Worked: p = 0.8, a call 2 s later where the median is 2 s with spread 0.5 (g = 0.45/s, G = ½), and gaps of a minute:
 * (1 + 0.6/s · 60 s) · 0.6 = 22 times as likely. The same call where it comes every second anyway: 0.96 times.
 */
export function noteFollowed(predecessor: Predecessor, { at, lastAt, hazardPerMs, waiting, formerTimes }: Circumstances): void {
  const share = followedShareOf(predecessor);
  const medianMs = medianDelayMsOf(predecessor);
  const spread = spreadOf(predecessor);
  const visible = Math.min(waiting, formerTimes.length);
  let addedHazard = 0;
  let likeliest = 0;
  let likeliestHazard = 0;
  let late = waiting - visible;
  let shown = late * Math.log(1 - share);
  for (let turn = 1; turn <= visible; turn += 1) {
    const calledAt = formerTimes[formerTimes.length - visible + turn - 1] ?? at;
    if (calledAt > at) break;
    const over = delayShare(medianMs, spread, at - calledAt);
    shown += Math.log((1 - share * over) / (1 - share * delayShare(medianMs, spread, lastAt - calledAt)));
    if (over > lateShare) late = waiting - visible + turn;
    const hazard = (share * delayDensity(medianMs, spread, at - calledAt)) / (1 - share * over);
    addedHazard += hazard;
    if (hazard > likeliestHazard) [likeliest, likeliestHazard] = [waiting - visible + turn, hazard];
  }
  shown += Math.log(1 + addedHazard / hazardPerMs);
  predecessor.score = memory * predecessor.score + Math.max(-mostShown, Math.min(mostShown, shown));
  const isFollowed = addedHazard > hazardPerMs;
  const handled = isFollowed ? Math.max(likeliest, late) : late;
  if (handled === 0) return;
  const kept = Math.min(1, rememberedCalls / (predecessor.calls + handled));
  predecessor.handledCalls += handled;
  predecessor.calls = kept * (predecessor.calls + handled);
  predecessor.followed = kept * (predecessor.followed + (isFollowed ? 1 : 0));
  if (!isFollowed) return;
  const followedAt = formerTimes[formerTimes.length - waiting + likeliest - 1] ?? at;
  const newest = 1 / Math.max(1, predecessor.followed);
  const off = Math.log(Math.max(at - followedAt, 1)) - predecessor.logDelay;
  predecessor.logDelay += newest * off;
  predecessor.logVariance = (1 - newest) * (predecessor.logVariance + newest * off * off);
}
