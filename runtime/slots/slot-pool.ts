// All slots of the container and the memory they hold: starts them, keeps a blank one ready, measures, and off-loads
// what is least useful when the limit is exceeded. Which action gets which slot is the container's decision.
import path from 'node:path';
import { chooseOffloads, memoryReport, type LedgerEntry } from '../core/memory-ledger.ts';
import { isSameOwner, type SlotOwner, type SlotView } from '../core/slot-choice.ts';
import { privateBytesOf } from '../memory.ts';
import type { MemoryReport } from '../protocol.ts';
import type { SlotSettings } from './messages.ts';
import { Reaper } from './reaper.ts';
import { Slot } from './slot.ts';

/** Private memory of a slot with nothing in it, until one has been measured. */
const assumedSlotBytes = 40e6;

export interface SlotPoolOptions {
  /** Folder in which each slot gets one of its own; it lies in `workDir`, which is removed in the end. */
  readonly slotsDir: string;
  readonly workDir: string;
  readonly settings: Omit<SlotSettings, 'directory'>;
  readonly environment: Readonly<Record<string, string>>;
  readonly limitBytes: number;
  readonly blankSlots: number;
  /** Called when a slot's process has ended without having been killed. */
  readonly onLost: (slot: Slot) => void;
}

export class SlotPool {
  private readonly options: SlotPoolOptions;
  private readonly slots = new Map<number, Slot>();
  private readonly reaper: Reaper;
  private nextId = 1;
  private proxyBytes = 0;
  private slotBytes = assumedSlotBytes;
  private isClosed = false;

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

  /** Starts a process; `background`: it stays behind every running activation until it is used. */
  spawn(background: boolean): Slot {
    const id = this.nextId++;
    const { slotsDir, settings, environment } = this.options;
    const slot = new Slot({ id, directory: path.join(slotsDir, String(id)), settings, environment, reaper: this.reaper, background });
    this.slots.set(id, slot);
    void slot.ready.then(
      () => {
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
    if (this.isClosed || this.options.blankSlots === 0) return;
    const spare = this.all.some(({ state, owner }) => state === 'blank' || (state === 'starting' && owner === undefined));
    if (!spare && this.report().freeBytes >= this.slotBytes) this.spawn(true);
  }

  /** Off-loads slots that no activation uses, least recently useful first, until the limit is kept. */
  async relievePressure(): Promise<void> {
    const { limitBytes, usedBytes } = this.report();
    const candidates = this.all
      .filter(({ state }) => state === 'blank' || state === 'resident' || state === 'retained')
      // A blank slot serves anyone, but nobody yet: it goes first.
      .map((slot) => ({ id: slot.id, bytes: slot.measuredBytes, lastUsefulAt: slot.state === 'blank' ? -Infinity : slot.lastUsefulAt }));
    await Promise.all(chooseOffloads(candidates, usedBytes - limitBytes).map((id) => this.slots.get(id)?.kill()));
  }

  /** Looks at what every process holds now. */
  async measure(): Promise<void> {
    const measuring = this.all.map(async (slot) => {
      const bytes = await privateBytesOf(slot.pid);
      if (!slot.hasEnded) slot.measuredBytes = bytes;
      if (slot.state === 'blank' && bytes > 0) this.slotBytes = bytes;
    });
    this.proxyBytes = await privateBytesOf(process.pid);
    await Promise.all(measuring);
  }

  /** As of the last {@link measure}. */
  report(): MemoryReport {
    return memoryReport(this.all.map(ledgerEntryOf), this.proxyBytes, this.options.limitBytes);
  }

  /** What a load of `artifactBytes` would add: the slot itself too, if there is no blank one to take. */
  predictedBytes(artifactBytes: number): number {
    return artifactBytes + (this.all.some(({ state }) => state === 'blank') ? 0 : this.slotBytes);
  }

  /** Kills everything. */
  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(this.all.map((slot) => slot.kill()));
    this.reaper.close();
  }
}

function ledgerEntryOf(slot: Slot): LedgerEntry {
  const phase = slot.state === 'releasing' ? 'releasing' : slot.reservedBytes > 0 ? 'reserved' : 'resident';
  return { id: slot.id, phase, measuredBytes: slot.measuredBytes, reservedBytes: slot.reservedBytes };
}
