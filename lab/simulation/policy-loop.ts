// One invoker of a simulation: its policy, the containers that carry its commands out, and its wake-up time. The referee is
// here: a policy that breaks a rule of the world ends the simulation with an error.
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import type { Policy } from '../policies/policy.ts';
import type { CostModel } from './costs.ts';
import { SimulatedContainers, type SimulatedOutcome } from './simulated-containers.ts';
import { SimulatedPageCache } from './simulated-page-cache.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What a meter is told, in order of time. */
export interface InvokerObserver {
  onCommand(command: SchedulerCommand, at: number): void;
  onContainerGone(memoryLimitBytes: number, at: number): void;
  onRan(outcome: SimulatedOutcome): void;
  onFailed(activationId: string, at: number): void;
}

export interface PolicyLoopOptions {
  readonly policy: Policy;
  readonly clock: VirtualClock;
  readonly costs: CostModel;
  readonly poolMemoryBytes: number;
  /** Of the host; undefined: loads take the same wherever files are. */
  readonly pageCacheBytes?: number | undefined;
  readonly observer: InvokerObserver;
}

export class PolicyLoop {
  readonly #options: PolicyLoopOptions;
  readonly #containers: SimulatedContainers;
  readonly #limits = new Map<string, number>();
  #usedBytes = 0;
  #wakeAt: number | undefined;
  /** When the earliest timer that is out will fire. */
  #timerAt = Number.POSITIVE_INFINITY;
  /** Events that were taken in. */
  eventCount = 0;

  constructor(options: PolicyLoopOptions) {
    this.#options = options;
    const { clock, costs, observer, pageCacheBytes } = options;
    this.#containers = new SimulatedContainers({
      clock,
      costs,
      pageCache: pageCacheBytes === undefined ? undefined : new SimulatedPageCache(pageCacheBytes),
      emit: (event) => {
        this.submit(event);
      },
      onRan: (outcome) => {
        observer.onRan(outcome);
      },
      onFailed: (activationId) => {
        observer.onFailed(activationId, clock.now());
      },
    });
  }

  submit(event: SchedulerEvent): void {
    this.eventCount += 1;
    if (event.type === 'containerRemoved') this.#forget(event.containerId);
    const { commands, wakeAt } = this.#options.policy.step(event);
    for (const command of commands) {
      if (command.type === 'createContainer') this.#admit(command.containerId, command.memoryLimitBytes);
      this.#options.observer.onCommand(command, event.at);
      this.#containers.execute(command);
    }
    this.#wake(wakeAt);
  }

  #admit(containerId: string, memoryLimitBytes: number): void {
    this.#limits.set(containerId, memoryLimitBytes);
    this.#usedBytes += memoryLimitBytes;
    if (this.#usedBytes > this.#options.poolMemoryBytes) throw new Error(`containers of ${this.#usedBytes} bytes in a pool of ${this.#options.poolMemoryBytes}`);
  }

  #forget(containerId: string): void {
    const limit = this.#limits.get(containerId) ?? 0;
    this.#limits.delete(containerId);
    this.#usedBytes -= limit;
    this.#options.observer.onContainerGone(limit, this.#options.clock.now());
  }

  /** One timer is out at a time; one that turns out to be early is set again instead of waking the policy. */
  #wake(at: number | undefined): void {
    this.#wakeAt = at;
    if (at === undefined || at >= this.#timerAt) return;
    this.#timerAt = at;
    const { clock } = this.#options;
    clock.setTimer(at, () => {
      // One that an earlier timer has made superfluous.
      if (this.#timerAt !== at) return;
      this.#timerAt = Number.POSITIVE_INFINITY;
      if (this.#wakeAt !== undefined && this.#wakeAt <= clock.now()) this.submit({ type: 'ticked', at: clock.now() });
      else this.#wake(this.#wakeAt);
    });
  }
}
