// Which slot an /init goes to, and which slots must be gone before, or may go after, its code runs. It decides on
// descriptions of slots only; killing and waking them is the container's work.
import type { ActionKey } from '../../common/action-identity.ts';

export type SlotState = 'starting' | 'blank' | 'loading' | 'resident' | 'retained' | 'active' | 'releasing';

/** Whose a slot is: an action's artifacts or code, on behalf of one invoking namespace. */
export interface SlotOwner {
  readonly actionKey: ActionKey;
  readonly namespace: string;
}

export interface SlotView {
  readonly id: number;
  readonly state: SlotState;
  readonly owner: SlotOwner | undefined;
  /** Fingerprint of the code the slot holds (unpacked or run); undefined when it holds declared artifacts only. */
  readonly codeFingerprint: string | undefined;
}

/** What /init asks for. `owner` is undefined when the caller names no action, as OpenWhisk's own test harness does. */
export interface WantedSlot {
  readonly owner: SlotOwner | undefined;
  readonly codeFingerprint: string;
}

/** Where the code goes: an existing slot (`loading`: its load is in flight and waited for) or a new process. */
export type SlotSource =
  | { readonly from: 'retained' | 'resident' | 'loading' | 'blank'; readonly id: number }
  | { readonly from: 'spawned'; readonly id: number | undefined };

export interface InitPlan {
  readonly source: SlotSource;
  /** Must be gone before the new code runs: they hold code of another namespace, or are stale. */
  readonly killBefore: readonly number[];
  /** Slots of other namespaces with declared artifacts only: killed when the call is under way. */
  readonly killAfter: readonly number[];
}

/**
 * Plans one /init: the action's own retained slot, else its resident slot, else the load in flight for it, else a
 * blank slot, else a new process. A slot whose code is not the code that comes now is of no use.
 */
export function planInit(slots: readonly SlotView[], wanted: WantedSlot): InitPlan {
  const source = chooseSource(slots, wanted);
  const others = slots.filter((slot) => slot.id !== source.id && slot.owner !== undefined && slot.state !== 'releasing');
  const killBefore = others.filter((slot) => isStrangersCode(slot, wanted) || isStale(slot, wanted));
  // A load for another action is given up as such, whoever's it is; here it is about slots that are there.
  const killAfter = others.filter((slot) => !killBefore.includes(slot) && slot.state !== 'loading' && slot.owner?.namespace !== wanted.owner?.namespace);
  return { source, killBefore: ids(killBefore), killAfter: ids(killAfter) };
}

const ids = (slots: readonly SlotView[]): number[] => slots.map((slot) => slot.id);

function chooseSource(slots: readonly SlotView[], wanted: WantedSlot): SlotSource {
  const own = slots.filter((slot) => isSameOwner(slot.owner, wanted.owner) && !isOtherCode(slot, wanted));
  for (const from of ['retained', 'resident', 'loading'] as const) {
    const slot = own.find((candidate) => candidate.state === from);
    if (slot !== undefined) return { from, id: slot.id };
  }
  const blank = slots.find((slot) => slot.state === 'blank');
  if (blank !== undefined) return { from: 'blank', id: blank.id };
  return { from: 'spawned', id: slots.find((slot) => slot.state === 'starting' && slot.owner === undefined)?.id };
}

export function isSameOwner(one: SlotOwner | undefined, other: SlotOwner | undefined): boolean {
  return one !== undefined && other !== undefined && one.actionKey === other.actionKey && one.namespace === other.namespace;
}

const isOtherCode = (slot: SlotView, wanted: WantedSlot): boolean =>
  slot.codeFingerprint !== undefined && slot.codeFingerprint !== wanted.codeFingerprint;

const isStale = (slot: SlotView, wanted: WantedSlot): boolean => isSameOwner(slot.owner, wanted.owner) && isOtherCode(slot, wanted);

const isStrangersCode = (slot: SlotView, wanted: WantedSlot): boolean =>
  slot.codeFingerprint !== undefined && slot.owner?.namespace !== wanted.owner?.namespace;
