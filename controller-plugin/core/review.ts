// Which of the known actions are compared with the database next, and when. Deletions are told for five minutes; a planner that
// was away for longer has to ask. It asks slowly: nobody waits for it, and the database serves others.
import { parseActionKey, type ActionKey } from '../../common/action-identity.ts';

/** One round through the actions that were known when it began. */
export interface Review {
  /** When the next question may be asked, in epoch ms. */
  readonly dueAt: number;
  /** Still to be asked for; empty between two rounds. */
  readonly keys: readonly ActionKey[];
}

/** Actions of one question. */
export const reviewBatchSize = 100;
/** A planner that has just started asks within this time, so that many that start at once do not ask at once. */
export const firstReviewWithinMs = 60_000;
/** Mean times; each is drawn from half to one and a half of it. 20 000 actions take 200 questions in 7 minutes. */
const betweenBatchesMs = 2_000;
const betweenRoundsMs = 900_000;
/** After a question without an answer. */
const askAgainAfterMs = 30_000;

/** @param chance a draw from [0, 1) */
export function firstReview(now: number, chance: number): Review {
  return { dueAt: now + chance * firstReviewWithinMs, keys: [] };
}

/** A round that is over begins anew with what is known. */
export function reviewOf(review: Review, known: Iterable<ActionKey>): Review {
  return review.keys.length > 0 ? review : { ...review, keys: [...known] };
}

/** What the next question is about. */
export function batchOf({ keys }: Review): readonly ActionKey[] {
  return keys.slice(0, reviewBatchSize);
}

/** After a question: what was answered is done, what was not is asked again. @param chance a draw from [0, 1) */
export function reviewAfter({ keys }: Review, isAnswered: boolean, now: number, chance: number): Review {
  const left = isAnswered ? keys.slice(reviewBatchSize) : keys;
  const meanMs = !isAnswered ? askAgainAfterMs : left.length > 0 ? betweenBatchesMs : betweenRoundsMs;
  return { dueAt: now + meanMs * (0.5 + chance), keys: left };
}

/**
 * Names of the actions of which the database has another revision than the one that is known, or none.
 * @param revisions by qualified name; undefined: there is no such action
 */
export function outdatedNames(keys: readonly ActionKey[], revisions: ReadonlyMap<string, string | undefined>): string[] {
  const outdated = new Set<string>();
  for (const key of keys) {
    const { qualifiedName, revision } = parseActionKey(key);
    if (!revisions.has(qualifiedName)) continue;
    const current = revisions.get(qualifiedName);
    if (current === undefined || (revision !== undefined && revision !== current)) outdated.add(qualifiedName);
  }
  return [...outdated];
}
