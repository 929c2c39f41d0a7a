// Asks the database from time to time whether the known actions are still there and what revision they have, and says which
// have changed: what controllers told while nobody listened. What to ask and when is decided in core/review.ts.
import type { ActionCatalog } from '../../common/action-document.ts';
import { parseActionKey, type ActionKey } from '../../common/action-identity.ts';
import type { CancelTimer, Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { batchOf, firstReview, outdatedNames, reviewAfter, reviewOf, type Review } from '../core/review.ts';

export interface ActionReviewOptions {
  readonly catalog: ActionCatalog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Every key under which an action is known. */
  readonly known: () => Iterable<ActionKey>;
  /** The action was changed or deleted; one after the other. */
  readonly changed: (qualifiedName: string) => Promise<void>;
}

export class ActionReview {
  private readonly options: ActionReviewOptions;
  private review: Review;
  private cancelTimer: CancelTimer = () => undefined;
  private asking: Promise<void> = Promise.resolve();
  private isStopped = false;

  constructor(options: ActionReviewOptions) {
    this.options = options;
    this.review = firstReview(options.clock.now(), Math.random());
  }

  /** Does nothing where the catalog cannot say what revisions there are. */
  start(): void {
    if (this.options.catalog.revisionsOf !== undefined) this.arm();
  }

  /** Resolves when the question that is under way has been dealt with. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelTimer();
    await this.asking;
  }

  private arm(): void {
    if (this.isStopped) return;
    this.cancelTimer = this.options.clock.setTimer(this.review.dueAt, () => {
      this.asking = this.ask().finally(() => {
        this.arm();
      });
    });
  }

  private async ask(): Promise<void> {
    const { catalog, clock, logger, known, changed } = this.options;
    this.review = reviewOf(this.review, known());
    const keys = batchOf(this.review);
    let isAnswered = true;
    try {
      const names = [...new Set(keys.map((key) => parseActionKey(key).qualifiedName))];
      const revisions = names.length === 0 ? undefined : await catalog.revisionsOf?.(names);
      for (const name of outdatedNames(keys, revisions ?? new Map())) {
        if (this.isStopped) return;
        logger.info({ action: name }, 'an action was changed or deleted while nobody told');
        await changed(name);
      }
    } catch (error) {
      isAnswered = false;
      logger.warn({ reason: describeError(error), actions: keys.length }, 'the database does not say which actions there are; it is asked again');
    }
    this.review = reviewAfter(this.review, isAnswered, clock.now(), Math.random());
  }
}
