// Who holds how much of the container's memory limit, what may still be loaded, and what goes first when it is too
// much. It measures nothing: the bytes come in from outside.
import type { GroupMemory } from './control-group.ts';

/** One process of the container, in bytes of private (anonymous) memory. */
export interface LedgerEntry {
  readonly id: number;
  /**
   * `reserved`: a load is under way and may need up to `reservedBytes`; `resident`: what is measured is what it holds;
   * `releasing`: being killed, and counted until it is gone.
   */
  readonly phase: 'reserved' | 'resident' | 'releasing';
  readonly measuredBytes: number;
  readonly reservedBytes: number;
}

/** Bytes against the limit; the protocol's memory report has the same shape. */
export interface MemoryUse {
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly freeBytes: number;
}

/** What an entry counts for: a load in progress counts with its prediction until it has outgrown it. */
export function countedBytes(entry: LedgerEntry): number {
  return entry.phase === 'reserved' ? Math.max(entry.reservedBytes, entry.measuredBytes) : entry.measuredBytes;
}

/**
 * How the container stands against its own limit, or against a control group where that is closer to its limit: a group
 * counts what the ledger does not see, such as processes that an action has started, and page tables.
 * @param proxyBytes private memory of the proxy itself
 * @param groups the control groups with a limit that the container counts against
 */
export function memoryReport(entries: readonly LedgerEntry[], proxyBytes: number, limitBytes: number, groups: readonly GroupMemory[] = []): MemoryUse {
  const countedSum = entries.reduce((sum, entry) => sum + countedBytes(entry), 0);
  const measuredSum = entries.reduce((sum, entry) => sum + entry.measuredBytes, 0);
  const uses = [
    { limitBytes, usedBytes: countedSum + proxyBytes },
    // What is promised to loads is not charged to the group yet.
    ...groups.map((group) => ({ limitBytes: group.limitBytes, usedBytes: group.usedBytes + countedSum - measuredSum })),
  ];
  const tightest = uses.reduce((least, use) => (use.limitBytes - use.usedBytes < least.limitBytes - least.usedBytes ? use : least));
  return { ...tightest, freeBytes: Math.max(0, tightest.limitBytes - tightest.usedBytes) };
}

export interface OffloadablePart {
  readonly name: string;
  readonly bytes: number;
  readonly loadMs: number;
}

/** What is to go: a slot, or one part of what it holds. */
export interface Offload {
  readonly id: number;
  readonly part: string | undefined;
}

/** A slot that pressure may take. */
export interface Offloadable {
  readonly id: number;
  readonly kind: 'blank' | 'retained' | 'resident' | 'loading';
  readonly bytes: number;
  /** What loading it again would cost, in ms. */
  readonly loadMs: number;
  /** What may go alone, and come back alone, while the rest stays. */
  readonly parts?: readonly OffloadablePart[];
  /** How long nobody has had use of it, in ms. */
  readonly idleMs: number;
}

/**
 * What goes before what: a blank slot serves anyone, but nobody yet, and is made again in the background; a retained one
 * serves one action that has just been replaced; a load under way is what somebody wants now.
 */
const order: readonly Offloadable['kind'][] = ['blank', 'retained', 'resident', 'loading'];

/** Latency saved per byte, by the rate of use that its idle time lets expect. */
const valueOf = ({ loadMs, idleMs, bytes }: Pick<Offloadable, 'loadMs' | 'idleMs' | 'bytes'>): number => (loadMs + 1) / ((idleMs + 1) * (bytes + 1));

/**
 * What to off-load so that at least `excessBytes` come back: slots, and single parts where those save less for their bytes
 * than what stays; least valuable first, and no more than needed. All when they do not suffice.
 */
export function chooseOffloads(candidates: readonly Offloadable[], excessBytes: number): Offload[] {
  let victims: Offload[] = [];
  let missingBytes = excessBytes;
  const takenBytes = new Map<number, number>();
  const byWorth = candidates.flatMap(piecesOf).sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || valueOf(a) - valueOf(b) || a.id - b.id);
  for (const { id, part, bytes } of byWorth) {
    if (missingBytes <= 0) break;
    if (victims.some((victim) => victim.id === id && victim.part === undefined)) continue;
    const before = takenBytes.get(id) ?? 0;
    // A slot takes its parts with it.
    if (part === undefined) victims = victims.filter((victim) => victim.id !== id);
    victims.push({ id, part });
    missingBytes -= part === undefined ? bytes - before : bytes;
    takenBytes.set(id, before + bytes);
  }
  return victims;
}

/** A slot as a whole, and its parts; with one part there is nothing to tell apart. */
function piecesOf(candidate: Offloadable): (Offloadable & { readonly part: string | undefined })[] {
  const { parts = [] } = candidate;
  const pieces = parts.length < 2 ? [] : parts.map(({ name, bytes, loadMs }) => ({ ...candidate, part: name, bytes, loadMs }));
  return [{ ...candidate, part: undefined }, ...pieces];
}
