// How a sharding controller judges one invoker, as a function of what it hears and when.
// Wire facts: core/loadBalancer/InvokerSupervision.scala, InvokerActor.

export type HealthState = 'unhealthy' | 'up' | 'unresponsive' | 'down';
export type HealthResult = 'success' | 'systemError' | 'timeout';

const remembered = 10;
const tolerated = 3;

export class InvokerHealth {
  state: HealthState = 'down';
  private readonly results: HealthResult[] = [];
  private lastHeardAt = -Infinity;
  private readonly silenceMs: number;

  /** @param silenceMs after so much silence it is offline (stock: 10 s) */
  constructor(silenceMs: number) {
    this.silenceMs = silenceMs;
  }

  /** @returns whether a test action is due at once */
  ping(isEnabled: boolean, at: number): boolean {
    this.lastHeardAt = at;
    if (!isEnabled) this.state = 'down';
    else if (this.state === 'down') return this.enter('unhealthy');
    return false;
  }

  /** @returns whether a test action is due at once */
  result(result: HealthResult, at: number): boolean {
    this.lastHeardAt = at;
    this.results.push(result);
    if (this.results.length > remembered) this.results.shift();
    if (this.state === 'down') return false;
    // Each success of an unhealthy invoker is followed by another test: that clears what is remembered.
    const wasUnhealthy = this.state === 'unhealthy';
    const count = (kind: HealthResult): number => this.results.filter((one) => one === kind).length;
    let isDue = false;
    if (count('systemError') > tolerated) isDue = this.enter('unhealthy');
    else if (count('timeout') > tolerated) isDue = this.enter('unresponsive');
    else if (result === 'success') this.state = 'up';
    else if (this.results.length <= tolerated) isDue = this.enter(result === 'systemError' ? 'unhealthy' : 'unresponsive');
    return isDue || (wasUnhealthy && result === 'success');
  }

  tick(at: number): void {
    if (at - this.lastHeardAt > this.silenceMs) this.state = 'down';
  }

  private enter(state: HealthState): boolean {
    const isNew = this.state !== state;
    this.state = state;
    return isNew;
  }
}
