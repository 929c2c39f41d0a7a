// All slots of the container and the memory they hold: starts them, keeps a blank one ready, and measures. Which action
// gets which slot is the container's decision; what goes when memory is short, `memory-watch.ts`'s.
import path from 'node:path';
import { describeError } from '../../common/errors.ts';
import type { GroupMemory } from '../core/control-group.ts';
import { countedBytes, memoryReport, type LedgerEntry, type Offloadable, type OffloadablePart } from '../core/memory-ledger.ts';
import { loadReserveBytes, type MemorySample } from '../core/memory-pressure.ts';
import { isSameOwner, type SlotOwner, type SlotView } from '../core/slot-choice.ts';
import { privateBytesNow, privateBytesOf, setOomScore, type ControlGroups } from '../memory.ts';
import type { MemoryReport } from '../protocol.ts';
import type { RuntimeLog } from '../runtime-log.ts';
import type { SlotSettings } from './messages.ts';
import { anonymousBytesByUser } from './processes.ts';
import { Reaper } from './reaper.ts';
import type { SlotUsers } from './slot-users.ts';
import { Slot } from './slot.ts';

/** Private memory of a slot with nothing in it, until one has been measured. */
const assumedSlotBytes = 40e6;

export interface SlotPoolOptions {
  /** Folder in which each slot gets one of its own; it lies in `workDir`, which is removed in the end. */
  readonly slotsDir: string;
  readonly workDir: string;
  readonly users: SlotUsers;
  readonly settings: Omit<SlotSettings, 'directory'>;
  readonly environment: Readonly<Record<string, string>>;
  readonly limitBytes: number;
  readonly controlGroups: ControlGroups;
  readonly blankSlots: number;
  readonly log: RuntimeLog;
  /** Called when a slot's process has ended without having been killed. */
  readonly onLost: (slot: Slot) => void;
}

export class SlotPool {
  private readonly options: SlotPoolOptions;
  private readonly slots = new Map<number, Slot>();
  private readonly reaper: Reaper;
  private nextId = 1;
  private proxyBytes = 0;
  private groups: readonly GroupMemory[] = [];
  private slotBytes = assumedSlotBytes;
  private hasClosed = false;

  constructor(options: SlotPoolOptions) {
    this.options = options;
    this.reaper = new Reaper(options.workDir);
  }

  get all(): readonly Slot[] {
    return [...this.slots.values()];
  }

  get(id: number): Slot | undefined {
    return this.slots.get(id);
  }

  /** The slot of this owner in one of these states. */
  find(owner: SlotOwner, states: readonly Slot['state'][]): Slot | undefined {
    return this.all.find((slot) => states.includes(slot.state) && isSameOwner(slot.owner, owner));
  }

  views(): SlotView[] {
    return this.all.map(({ id, state, owner, codeFingerprint }) => ({ id, state, owner, codeFingerprint }));
  }

  /** Names of what the other slots hold. */
  residentArtifactsBeside(slot: Slot): string[] {
    return this.all.flatMap((other) => (other === slot ? [] : other.artifacts.map(({ name }) => name)));
  }

  /**
   * Starts a process; `background`: it stays behind every running activation until it is used.
   * @throws AppError SLOT_USERS
   */
  spawn(background: boolean): Slot {
    const id = this.nextId++;
    const { slotsDir, settings, environment, users } = this.options;
    const slot = new Slot({ id, directory: path.join(slotsDir, String(id)), settings, environment, reaper: this.reaper, users, background });
    this.slots.set(id, slot);
    slot.reservedBytes = this.slotBytes;
    setOomScore(slot.pid, 'spare');
    void slot.ready.then(
      () => {
        if (slot.state !== 'loading') slot.reservedBytes = 0;
        if (slot.state === 'starting' && slot.owner === undefined) slot.state = 'blank';
      },
      () => undefined,
    );
    void slot.ended.then(async () => {
      const wasLost = slot.state !== 'releasing';
      this.slots.delete(id);
      if (wasLost) {
        this.options.onLost(slot);
        await slot.kill();
      }
    });
    return slot;
  }

  /** A blank slot if there is one (perhaps still starting), else a new process. */
  take(background: boolean): Slot {
    const slot = this.all.find(({ state }) => state === 'blank') ?? this.all.find(({ state, owner }) => state === 'starting' && owner === undefined);
    return slot ?? this.spawn(background);
  }

  /** Keeps the wanted number of blank slots, as far as memory allows. */
  replenish(): void {
    if (this.hasClosed || this.options.blankSlots === 0) return;
    if (this.all.some(isUnused) || this.roomBytes < this.slotBytes) return;
    try {
      this.spawn(true);
    } catch (error) {
      // No process can be had now. Whoever needs a slot starts one and is told why it cannot be.
      this.options.log.warn({ reason: describeError(error) }, 'no blank slot');
    }
  }

  /** The slots that no activation uses, as pressure sees them. */
  offloadable(): Offloadable[] {
    const now = performance.now();
    return this.all.flatMap((slot) => {
      const kind = offloadableKindOf(slot);
      if (kind === undefined) return [];
      const loadMs = slot.artifacts.reduce((sum, artifact) => sum + artifact.loadMs, 0);
      return [{ id: slot.id, kind, bytes: slot.measuredBytes, loadMs, idleMs: now - slot.lastUsefulAt, ...(kind === 'resident' ? { parts: partsOf(slot) } : {}) }];
    });
  }

  /** Gives parts of a resident slot up, such as `stable-diffusion/unet`; resolves when their memory is back. */
  async releaseParts(slot: Slot, parts: readonly string[]): Promise<void> {
    try {
      const reply = await slot.release({ parts });
      if (reply.type === 'loaded') slot.artifacts = reply.artifacts;
    } catch {
      // Its process has ended meanwhile, and given everything back.
    }
    slot.measuredBytes = slot.hasEnded ? 0 : (await privateBytesOf(slot.pid)) + slot.startedBytes;
  }

  /** Looks at what every process holds now. */
  async measure(): Promise<void> {
    // Where a slot has a user of its own, whatever runs as that user counts, wherever it was started.
    const ofUsers = this.bytesByUser();
    const measuring = this.all.map(async (slot) => {
      const ownBytes = await privateBytesOf(slot.pid);
      if (slot.uid !== undefined && ofUsers !== undefined) slot.startedBytes = Math.max(0, (ofUsers.get(slot.uid) ?? 0) - ownBytes);
      const bytes = ownBytes + slot.startedBytes;
      if (!slot.hasEnded) slot.measuredBytes = bytes;
      if (slot.state === 'blank' && bytes > 0) this.slotBytes = bytes;
    });
    this.proxyBytes = await privateBytesOf(process.pid);
    await Promise.all(measuring);
    this.groups = this.options.controlGroups.read();
  }

  /** Undefined when it cannot be told now: then what was found last time stands. */
  private bytesByUser(): Map<number, number> | undefined {
    try {
      return anonymousBytesByUser(new Set(this.all.flatMap(({ uid }) => uid ?? [])));
    } catch (error) {
      this.options.log.warn({ reason: describeError(error) }, 'memory not measured');
      return undefined;
    }
  }

  /** Looks, at once, at what may have changed since the last {@link measure}: the slots that work, and the control groups. */
  sample(): MemorySample {
    for (const slot of this.all) {
      if (!slot.hasEnded && (slot.state === 'active' || slot.state === 'loading' || slot.state === 'starting')) slot.measuredBytes = privateBytesNow(slot.pid) + slot.startedBytes;
    }
    this.groups = this.options.controlGroups.read();
    const promisedBytes = this.all.map(ledgerEntryOf).reduce((sum, entry) => sum + countedBytes(entry) - entry.measuredBytes, 0);
    return { at: performance.now(), promisedBytes, ...this.report() };
  }

  /** As of the last {@link measure} or {@link sample}. */
  report(): MemoryReport {
    return memoryReport(this.all.map(ledgerEntryOf), this.proxyBytes, this.options.limitBytes, this.groups);
  }

  /** What may be loaded ahead of calls: what is free, less the room that stays for activations. */
  get roomBytes(): number {
    const { freeBytes, limitBytes } = this.report();
    return Math.max(0, freeBytes - loadReserveBytes(limitBytes));
  }

  /** Private memory of the container's processes, whatever its control groups say. */
  get heldBytes(): number {
    return memoryReport(this.all.map(ledgerEntryOf), this.proxyBytes, this.options.limitBytes).usedBytes;
  }

  /** What a load of `artifactBytes` would add: the slot itself too, if there is no blank one to take. */
  predictedBytes(artifactBytes: number): number {
    return artifactBytes + (this.all.some(({ state }) => state === 'blank') ? 0 : this.slotBytes);
  }

  /** No slot is wanted any more. */
  get isClosed(): boolean {
    return this.hasClosed;
  }

  /** Kills everything. */
  async close(): Promise<void> {
    this.hasClosed = true;
    await Promise.all(this.all.map((slot) => slot.kill()));
    this.reaper.close();
  }
}

/** The parts that are there, by the names under which they may go. */
function partsOf(slot: Slot): OffloadablePart[] {
  return slot.artifacts.flatMap(({ name, parts = [] }) => parts.filter(({ resident }) => resident).map((part) => ({ name: `${name}/${part.name}`, bytes: part.bytes, loadMs: part.loadMs })));
}

/** Blank, or about to be. */
const isUnused = ({ state, owner }: Slot): boolean => state === 'blank' || (state === 'starting' && owner === undefined);

function offloadableKindOf(slot: Slot): Offloadable['kind'] | undefined {
  if (isUnused(slot)) return 'blank';
  return slot.state === 'resident' || slot.state === 'retained' || slot.state === 'loading' ? slot.state : undefined;
}

function ledgerEntryOf(slot: Slot): LedgerEntry {
  const phase = slot.state === 'releasing' ? 'releasing' : slot.reservedBytes > 0 ? 'reserved' : 'resident';
  return { id: slot.id, phase, measuredBytes: slot.measuredBytes, reservedBytes: slot.reservedBytes };
}
