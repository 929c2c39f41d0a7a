// Who decides for the Scaler task: our core with windows priced by the task's score, and the reference that it has to beat. Both
// are policies of the lab's kind.
import { bytesPerMegabyte } from '../common/action-document.ts';
import type { ActionKey } from '../common/action-identity.ts';
import type { SchedulerEvent } from '../invoker-plugin/core/events.ts';
import { corePolicy, labSchedulerConfig } from '../lab/policies/core-policy.ts';
import type { Policy, PolicyStep } from '../lab/policies/policy.ts';
import { createInstanceUse, keepAliveSecondsOf, noteIdle, noteRequest, pricesOf, type InstanceUse } from './core/priced-keep-alive.ts';

export const scalerPolicyNames = ['ours', 'reference'] as const;
export type ScalerPolicyName = (typeof scalerPolicyNames)[number];

/** The task bounds memory by its score alone. */
const poolMemoryBytes = 2 ** 50;
/** The reference keeps every instance this long. */
const referenceKeepAliveMs = 300_000;

/**
 * - `ours`: each application's keep-alive is what costs the task's score least over its last idle times, at the prices of the run
 *   so far, within a tenth and four times of `keepAliveMs`.
 * - `reference`: an instance is made when a request finds none and goes after five idle minutes. Known differences, both in the
 *   reference's favour: the contest's own looks only every ten seconds for what has been idle too long, and never takes an
 *   instance that comes free while another is being made.
 */
export function scalerPolicy(name: ScalerPolicyName, keepAliveMs: number): Policy {
  const input = { poolMemoryBytes, containerMemoryBytes: 0, keepAliveMs: name === 'ours' ? keepAliveMs : referenceKeepAliveMs, headroomShare: 0, seed: 0, replayStartsAt: 0, arrivalsOf: () => [] };
  const core = corePolicy(labSchedulerConfig(input, { prewarmPolicy: 'none' }));
  return name === 'reference' ? core : new PricedPolicy(core);
}

interface Application {
  readonly memoryGib: number;
  readonly use: InstanceUse;
  /** The last time that a slot and an instance took. */
  startSeconds: number;
}

const bytesPerGib = 1024 * bytesPerMegabyte;

/** Puts a plan with the priced window before each arrival of the core. */
class PricedPolicy implements Policy {
  readonly #core: Policy;
  readonly #applications = new Map<ActionKey, Application>();
  readonly #arrivals = new Map<string, { readonly at: number; readonly application: Application }>();
  readonly #slots = new Map<string, { readonly memoryGib: number; startMs: number }>();
  #totals = { runGibSeconds: 0, heldGibSeconds: 0, runSeconds: 0, scheduleSeconds: 0 };
  #heldGib = 0;
  #countedUntil: number | undefined;

  constructor(core: Policy) {
    this.#core = core;
  }

  step(event: SchedulerEvent): PolicyStep {
    this.#observe(event);
    const plan = event.type === 'activationArrived' ? this.#planFor(event.actionKey, event.at) : undefined;
    const planned = plan === undefined ? undefined : this.#core.step(plan);
    const decided = this.#core.step(event);
    const commands = [...(planned?.commands ?? []), ...decided.commands];
    for (const command of commands) {
      if (command.type !== 'createContainer') continue;
      const memoryGib = command.memoryLimitBytes / bytesPerGib;
      this.#slots.set(command.containerId, { memoryGib, startMs: 0 });
      this.#heldGib += memoryGib;
    }
    return { commands, wakeAt: decided.wakeAt };
  }

  #observe(event: SchedulerEvent): void {
    this.#totals.heldGibSeconds += (this.#heldGib * (event.at - (this.#countedUntil ?? event.at))) / 1000;
    this.#countedUntil = event.at;
    switch (event.type) {
      case 'actionDeployed':
        this.#applications.set(event.actionKey, { memoryGib: event.memoryLimitBytes / bytesPerGib, use: createInstanceUse(), startSeconds: 0 });
        return;
      case 'activationArrived':
        this.#countArrival(event.activationId, event.actionKey, event.at);
        return;
      case 'containerStarted': {
        const slot = this.#slots.get(event.containerId);
        if (slot !== undefined) slot.startMs = event.startMs;
        return;
      }
      case 'activationFinished': {
        const arrival = this.#arrivals.get(event.activationId);
        this.#arrivals.delete(event.activationId);
        if (arrival === undefined) return;
        const { application } = arrival;
        if (event.initMs > 0) application.startSeconds = ((this.#slots.get(event.containerId)?.startMs ?? 0) + event.initMs) / 1000;
        noteIdle(application.use, event.at / 1000);
        this.#totals.runSeconds += event.runMs / 1000;
        this.#totals.runGibSeconds += (application.memoryGib * event.runMs) / 1000;
        this.#totals.scheduleSeconds += Math.max(0, event.at - arrival.at - event.runMs) / 1000;
        return;
      }
      case 'containerRemoved':
        this.#heldGib -= this.#slots.get(event.containerId)?.memoryGib ?? 0;
        this.#slots.delete(event.containerId);
        return;
      default:
        return;
    }
  }

  #countArrival(activationId: string, actionKey: ActionKey, at: number): void {
    const application = this.#applications.get(actionKey);
    if (application === undefined) return;
    this.#arrivals.set(activationId, { at, application });
    noteRequest(application.use, at / 1000);
  }

  #planFor(actionKey: ActionKey, at: number): SchedulerEvent | undefined {
    const application = this.#applications.get(actionKey);
    const prices = pricesOf(this.#totals);
    if (application === undefined || prices === undefined) return undefined;
    const seconds = keepAliveSecondsOf(application.use, application, prices, at / 1000);
    if (seconds === undefined) return undefined;
    // Without pre-loading only the window counts.
    return { type: 'planReceived', at, actionKey, arrivalRatePerMs: 0, sampleCount: 0, lastArrivalAt: at, keepAliveWindowMs: seconds * 1000 };
  }
}
