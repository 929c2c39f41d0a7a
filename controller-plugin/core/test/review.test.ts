// The review of the known actions: which are asked for, how fast, and what an answer says.
import { strict as assert } from 'node:assert';
import type { ActionKey } from '../../../common/action-identity.ts';
import { createRandom } from '../../../common/random.ts';
import { batchOf, firstReview, firstReviewWithinMs, outdatedNames, reviewAfter, reviewBatchSize, reviewOf } from '../review.ts';

const keysOf = (count: number): ActionKey[] => Array.from({ length: count }, (_, index) => `guest/a${index}@0.0.1#1-a`);

describe('the review of the known actions', () => {
  it('asks for each of 20,000 actions once in a round, never more often than once a second', () => {
    const random = createRandom(1);
    const known = keysOf(20_000);
    let now = 0;
    let review = firstReview(now, random.uniform());
    assert.ok(review.dueAt <= firstReviewWithinMs);
    const asked: ActionKey[] = [];
    const pausesMs: number[] = [];
    do {
      now = review.dueAt;
      review = reviewOf(review, known);
      asked.push(...batchOf(review));
      review = reviewAfter(review, true, now, random.uniform());
      pausesMs.push(review.dueAt - now);
    } while (review.keys.length > 0);
    assert.deepEqual(asked, known);
    assert.equal(pausesMs.length, 20_000 / reviewBatchSize);
    assert.ok(Math.min(...pausesMs) >= 1000);
    assert.ok(now < 10 * 60_000, `a round took ${now} ms`);
    assert.ok(pausesMs.at(-1)! >= 7.5 * 60_000, 'it rests after a round');
  });

  it('asks again for what was not answered, later', () => {
    const review = reviewOf(firstReview(0, 0), keysOf(250));
    const unanswered = reviewAfter(review, false, 0, 0);
    assert.deepEqual([batchOf(unanswered), unanswered.dueAt], [batchOf(review), 15_000]);
    assert.equal(reviewAfter(unanswered, true, 15_000, 0).keys.length, 150);
  });

  it('takes in what became known when the next round begins', () => {
    const begun = reviewAfter(reviewOf(firstReview(0, 0), keysOf(150)), true, 0, 0);
    assert.equal(reviewOf(begun, keysOf(151)).keys.length, 50);
    assert.equal(reviewOf(reviewAfter(begun, true, 0, 0), keysOf(151)).keys.length, 151);
  });

  describe('finds an action outdated', () => {
    const isOutdated = (key: ActionKey, revision: string | undefined): boolean => outdatedNames([key], new Map([['guest/a', revision]])).length === 1;

    it('that the database does not have', () => {
      assert.ok(isOutdated('guest/a@0.0.1#1-a', undefined));
      assert.ok(isOutdated('guest/a@0.0.1', undefined));
      assert.ok(isOutdated('other:guest/a@0.0.1#1-a', undefined));
    });
    it('that it has in another revision', () => {
      assert.ok(isOutdated('guest/a@0.0.1#1-a', '2-b'));
      assert.ok(!isOutdated('guest/a@0.0.1#1-a', '1-a'));
    });
    it('never for a revision where none is known, nor when there is no answer about it', () => {
      assert.ok(!isOutdated('guest/a@0.0.1', '2-b'));
      assert.deepEqual(outdatedNames(['guest/b@0.0.1#1-a'], new Map([['guest/a', undefined]])), []);
    });
  });
});
