// What a report shows of one run, taken from the scheduler's events and commands: when each container existed, what was in it,
// and where calls started. It draws nothing.
import { shortNameOf, type ActionKey } from '../../common/action-identity.ts';
import type { SchedulerCommand, StartType } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';

/** An action's artifacts in a container: its own (of the action that ran last), or resident beside. Times in ms of the replay. */
export interface HeldSpan {
  readonly container: string;
  readonly action: string;
  readonly isOwn: boolean;
  readonly fromMs: number;
  toMs: number;
}

export interface StartMark {
  readonly container: string;
  readonly action: string;
  readonly atMs: number;
  readonly startType: StartType;
}

export interface RunRecording {
  readonly held: readonly HeldSpan[];
  readonly starts: readonly StartMark[];
  /** Memory limits of the containers that exist, after each change. */
  readonly memory: readonly { readonly atMs: number; readonly bytes: number }[];
  /** Whether the run had more to show than was kept. */
  readonly isCut: boolean;
}

/** More than this cannot be told apart on a page. */
const mostStarts = 2000;

/** Records one invoker's run. Call {@link RunRecorder.recording} at its end. */
export class RunRecorder {
  readonly #startsAt: number;
  readonly #held: HeldSpan[] = [];
  readonly #open = new Map<string, Map<ActionKey, HeldSpan>>();
  readonly #limits = new Map<string, number>();
  readonly #starts: StartMark[] = [];
  readonly #memory: { atMs: number; bytes: number }[] = [];
  #bytes = 0;
  #isCut = false;

  /** @param startsAt time of the scheduler's clock at which the replay begins, in ms */
  constructor(startsAt: number) {
    this.#startsAt = startsAt;
  }

  record(event: SchedulerEvent, commands: readonly SchedulerCommand[]): void {
    if (this.#isCut) return;
    const atMs = event.at - this.#startsAt;
    this.#take(event, atMs);
    for (const command of commands) this.#carryOut(command, atMs);
    this.#isCut = this.#starts.length >= mostStarts;
  }

  recording(endedAt: number): RunRecording {
    const endMs = this.#isCut ? (this.#starts.at(-1)?.atMs ?? 0) : endedAt - this.#startsAt;
    for (const container of [...this.#open.keys()]) this.#leaveAll(container, endMs);
    return { held: this.#held.filter(({ toMs, fromMs }) => toMs > Math.max(0, fromMs)), starts: this.#starts, memory: [...this.#memory, { atMs: endMs, bytes: this.#bytes }], isCut: this.#isCut };
  }

  #take(event: SchedulerEvent, atMs: number): void {
    if (event.type === 'loadSucceeded' && !this.#open.get(event.containerId)?.has(event.actionKey)) this.#enter(event.containerId, event.actionKey, false, atMs);
    if (event.type !== 'containerRemoved') return;
    this.#leaveAll(event.containerId, atMs);
    this.#changeMemory(-(this.#limits.get(event.containerId) ?? 0), atMs);
    this.#limits.delete(event.containerId);
  }

  #carryOut(command: SchedulerCommand, atMs: number): void {
    switch (command.type) {
      case 'createContainer':
        this.#limits.set(command.containerId, command.memoryLimitBytes);
        this.#changeMemory(command.memoryLimitBytes, atMs);
        return;
      case 'startActivation': {
        const { containerId, actionKey, startType, clean } = command;
        this.#starts.push({ container: containerId, action: shortNameOf(actionKey), atMs, startType });
        if (clean !== 'none') this.#giveUpOwn(containerId, clean === 'retain', atMs);
        if (this.#open.get(containerId)?.get(actionKey)?.isOwn === true) return;
        this.#leave(containerId, actionKey, atMs);
        this.#enter(containerId, actionKey, true, atMs);
        return;
      }
      case 'offload':
        this.#leave(command.containerId, command.actionKey, atMs);
        return;
      case 'cleanContainer':
        this.#giveUpOwn(command.containerId, command.retain, atMs);
        return;
      case 'removeContainer':
        this.#leaveAll(command.containerId, atMs);
        return;
      case 'load':
      case 'failActivation':
      case 'readAhead':
      case 'stopReading':
        return;
    }
  }

  #giveUpOwn(container: string, retain: boolean, atMs: number): void {
    for (const [key, span] of this.#open.get(container) ?? []) {
      if (!span.isOwn) continue;
      this.#leave(container, key, atMs);
      if (retain) this.#enter(container, key, false, atMs);
      return;
    }
  }

  #enter(container: string, key: ActionKey, isOwn: boolean, atMs: number): void {
    const span: HeldSpan = { container, action: shortNameOf(key), isOwn, fromMs: Math.max(0, atMs), toMs: atMs };
    const spans = this.#open.get(container) ?? new Map<ActionKey, HeldSpan>();
    this.#open.set(container, spans.set(key, span));
    this.#held.push(span);
  }

  #leave(container: string, key: ActionKey, atMs: number): void {
    const span = this.#open.get(container)?.get(key);
    if (span === undefined) return;
    span.toMs = atMs;
    this.#open.get(container)?.delete(key);
  }

  #leaveAll(container: string, atMs: number): void {
    for (const key of [...(this.#open.get(container)?.keys() ?? [])]) this.#leave(container, key, atMs);
    this.#open.delete(container);
  }

  #changeMemory(change: number, atMs: number): void {
    this.#bytes += change;
    this.#memory.push({ atMs: Math.max(0, atMs), bytes: this.#bytes });
  }
}
