// The recent past of a system, for whoever looks later: a bounded number of answered activations and of points of memory.
import { activationStatusTexts } from '../../common/messages/acknowledgement.ts';
import { actionKeyOfMessage } from '../../common/messages/activation-message.ts';
import { startupMsOf, type FinishedActivation } from '../../invoker-plugin/activation-answers.ts';
import type { ObservedSystem } from '../observed-system.ts';
import { concerns, memoryPoint } from './system-status.ts';
import type { ActivationView, HistoryView, MemoryPoint } from './views.ts';

const mostActivations = 2000;
const mostMemoryPoints = 600;
const betweenPointsMs = 1000;

/** @param at when it was answered, in epoch ms */
export function activationView(finished: FinishedActivation, at: number): ActivationView {
  const { message, record, command, outcome } = finished;
  return {
    activationId: record.activationId,
    action: actionKeyOfMessage(message),
    at: Math.floor(at),
    ...(command === undefined ? {} : { startType: command.startType }),
    startupMs: startupMsOf(finished) ?? 0,
    runMs: outcome?.runMs ?? 0,
    status: activationStatusTexts[record.response.statusCode] ?? 'unknown',
  };
}

export class RecentPast {
  private readonly activations: ActivationView[] = [];
  private readonly memory: MemoryPoint[] = [];

  add(activation: ActivationView): void {
    this.activations.push(activation);
    if (this.activations.length > mostActivations) this.activations.shift();
  }

  /** To be called after any step of the scheduler; takes a point when the last one is a second old. @param now epoch ms */
  sample(system: ObservedSystem, now: number): void {
    if (now - (this.memory.at(-1)?.at ?? 0) < betweenPointsMs) return;
    this.memory.push(memoryPoint(system, now));
    if (this.memory.length > mostMemoryPoints) this.memory.shift();
  }

  /** As a namespace's owner may see it. */
  of(namespace: string): HistoryView {
    return { activations: this.activations.filter(({ action }) => concerns(action, namespace)), memory: this.memory };
  }
}
