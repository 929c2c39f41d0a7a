// How often one topic is written to or fetched from: at once as long as that is seldom, and then at a steady pace, so that what
// comes meanwhile goes together. What a request costs this process and the broker hardly depends on how much is in it.

/** Between two requests when they come one after the other: at most 200 a second. */
const betweenRequestsMs = 5;
/** How many may go without a wait after a silence: what belongs to a few activations. */
const requestsAtOnce = 10;

export class RequestPace {
  private nextAt = 0;

  /** Notes that a request is wanted. @returns how long it should wait, in ms; 0 as long as they are few */
  note(now: number): number {
    this.nextAt = Math.max(this.nextAt, now - requestsAtOnce * betweenRequestsMs) + betweenRequestsMs;
    return Math.max(0, this.nextAt - now);
  }
}
