// Why an activation started as it did: gathered out of the scheduler's steps, live or from a journal. It decides nothing, and
// remembers a bounded number of activations.
import { shortNameOf, type ActionKey } from '../common/action-identity.ts';
import type { FailActivation, SchedulerCommand, StartActivation } from './core/commands.ts';
import type { ReadAheadEnded, SchedulerEvent } from './core/events.ts';
import { RecentIds } from './recent-ids.ts';

export const preparationKinds = ['load', 'loaded', 'load failed', 'offload', 'container lost', 'read ahead', 'reading ended'] as const;

/** One thing that was done ahead of calls for an action. Times in epoch ms. */
export interface PreparationNote {
  readonly at: number;
  /** {@link pageCacheName} where files were read for no container in particular. */
  readonly containerId: string;
  readonly what: (typeof preparationKinds)[number];
  /** The reason of a command or of a failure; of a load that succeeded, how long it took. */
  readonly why: string;
}

export interface ActivationExplanation {
  readonly activationId: string;
  readonly actionKey: ActionKey;
  readonly arrivedAt: number;
  /** Whether it had to wait for a container before it was decided. */
  readonly waited: boolean;
  readonly decision?: Pick<StartActivation, 'startType' | 'containerId' | 'clean' | 'init'> & { readonly at: number };
  readonly refusal?: FailActivation['reason'];
  readonly finished?: { readonly at: number; readonly initMs: number; readonly loadMs: number; readonly runMs: number };
  /** The last preparations for the action before it was decided, oldest first. */
  readonly preparations: readonly PreparationNote[];
}

/** Where files are that were read ahead. */
export const pageCacheName = 'page cache';
const mostActivations = 10_000;
const mostNotes = 12;

export class Explanations {
  private readonly activations = new Map<string, ActivationExplanation>();
  private readonly remembered = new RecentIds(mostActivations);
  private readonly notes = new Map<ActionKey, PreparationNote[]>();
  /** Whose call each container took last. */
  private readonly owners = new Map<string, ActionKey>();

  get(activationId: string): ActivationExplanation | undefined {
    return this.activations.get(activationId);
  }

  /** Ids of what is remembered, the oldest first. */
  get activationIds(): readonly string[] {
    return [...this.activations.keys()];
  }

  observe(event: SchedulerEvent, commands: readonly SchedulerCommand[]): void {
    this.note(event);
    for (const command of commands) this.take(command, event.at);
  }

  private note(event: SchedulerEvent): void {
    switch (event.type) {
      case 'activationArrived':
        this.set({ activationId: event.activationId, actionKey: event.actionKey, arrivedAt: event.at, waited: true, preparations: [] });
        return;
      case 'activationFinished': {
        const known = this.activations.get(event.activationId);
        const { at, initMs, loadMs, runMs } = event;
        if (known !== undefined) this.activations.set(event.activationId, { ...known, finished: { at, initMs, loadMs, runMs } });
        return;
      }
      case 'loadSucceeded':
        this.add(event.actionKey, { at: event.at, containerId: event.containerId, what: 'loaded', why: `${Math.round(event.loadMs)} ms` });
        return;
      case 'loadFailed':
        this.add(event.actionKey, { at: event.at, containerId: event.containerId, what: 'load failed', why: event.reason });
        return;
      case 'readAheadEnded':
        this.add(event.actionKey, { at: event.at, containerId: pageCacheName, what: 'reading ended', why: readingText(event) });
        return;
      case 'actionRemoved':
        this.notes.delete(event.actionKey);
        return;
      case 'containerRemoved':
        this.owners.delete(event.containerId);
        for (const [actionKey, notes] of this.notes) {
          const last = notes.findLast(({ containerId }) => containerId === event.containerId);
          if (last?.what === 'loaded') this.add(actionKey, { at: event.at, containerId: event.containerId, what: 'container lost', why: event.reason });
        }
        return;
      default:
        return;
    }
  }

  private take(command: SchedulerCommand, at: number): void {
    if (command.type === 'load' || command.type === 'offload') {
      const after = command.type === 'load' && command.after !== undefined ? `: ${shortNameOf(command.after)}` : '';
      this.add(command.actionKey, { at, containerId: command.containerId, what: command.type, why: `${command.reason}${after}` });
      return;
    }
    if (command.type === 'readAhead') this.add(command.actionKey, { at, containerId: pageCacheName, what: 'read ahead', why: command.reason });
    if (command.type === 'cleanContainer' && command.reason === 'evicted-for-value') {
      const owner = this.owners.get(command.containerId);
      if (owner !== undefined) this.add(owner, { at, containerId: command.containerId, what: 'offload', why: command.reason });
    }
    if (command.type === 'startActivation') this.owners.set(command.containerId, command.actionKey);
    if (command.type !== 'startActivation' && command.type !== 'failActivation') return;
    const known = this.activations.get(command.activationId);
    if (known === undefined) return;
    if (command.type === 'failActivation') {
      this.activations.set(command.activationId, { ...known, refusal: command.reason });
      return;
    }
    const { startType, containerId, clean, init } = command;
    this.activations.set(command.activationId, { ...known, waited: at > known.arrivedAt, decision: { at, startType, containerId, clean, init }, preparations: [...(this.notes.get(known.actionKey) ?? [])] });
  }

  private add(actionKey: ActionKey, note: PreparationNote): void {
    const notes = this.notes.get(actionKey) ?? [];
    this.notes.set(actionKey, [...notes, note].slice(-mostNotes));
  }

  private set(explanation: ActivationExplanation): void {
    this.activations.set(explanation.activationId, explanation);
    const forgotten = this.remembered.add(explanation.activationId);
    if (forgotten !== undefined) this.activations.delete(forgotten);
  }
}

/** Such as `read, 102 MB, 96 MB of it from the disk`. */
function readingText({ outcome, files, diskBytes }: ReadAheadEnded): string {
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const readBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return `${outcome}, ${megabytes(readBytes)}${diskBytes === undefined ? '' : `, ${megabytes(diskBytes)} of it from the disk`}`;
}

const meaningOf: Record<StartActivation['startType'], string> = {
  cold: 'in a new container, since none was free that could serve it',
  prewarmed: 'in a container that was waiting for any action; libraries and models were loaded while the caller waited',
  warm: "in the action's own container, where everything was there since its last call",
  preloaded: 'in a container that was waiting, in which its libraries and models were already resident',
};

/** An explanation as lines for a person. */
export function explanationLines({ activationId, actionKey, arrivedAt, waited, decision, refusal, finished, preparations }: ActivationExplanation): string[] {
  const since = (at: number): string => `${at < arrivedAt ? '-' : '+'}${formatMs(Math.abs(at - arrivedAt))}`;
  const lines = [`${activationId} called ${shortNameOf(actionKey)} (${actionKey}) at ${new Date(arrivedAt).toISOString()}`];
  for (const { at, containerId, what, why } of preparations) lines.push(`  ${since(at).padStart(10)}  ${containerId}: ${what} (${why})`);
  if (refusal !== undefined) lines.push(`  it was refused: ${refusal}`);
  if (decision !== undefined) {
    const { startType, containerId, clean } = decision;
    lines.push(`  ${since(decision.at).padStart(10)}  ${containerId}: started ${startType}, ${meaningOf[startType]}${clean === 'none' ? '' : '; another action was cleared out of it first'}${waited ? '; it had to wait' : ''}`);
  } else if (refusal === undefined) lines.push('  it waits for a container');
  if (finished !== undefined) lines.push(`  ${since(finished.at).padStart(10)}  answered: init ${formatMs(finished.initMs)}, load ${formatMs(finished.loadMs)}, run ${formatMs(finished.runMs)}`);
  return lines;
}

function formatMs(ms: number): string {
  return ms < 10_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
