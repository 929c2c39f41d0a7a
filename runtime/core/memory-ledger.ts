// Who holds how much of the container's memory limit, what may still be loaded, and what goes first when it is too
// much. It measures nothing: the bytes come in from outside.

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

/** Private bytes against the limit; the protocol's memory report has the same shape. */
export interface MemoryUse {
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly freeBytes: number;
}

/** What an entry counts for: a load in progress counts with its prediction until it has outgrown it. */
export function countedBytes(entry: LedgerEntry): number {
  return entry.phase === 'reserved' ? Math.max(entry.reservedBytes, entry.measuredBytes) : entry.measuredBytes;
}

/** @param proxyBytes private memory of the proxy itself */
export function memoryReport(entries: readonly LedgerEntry[], proxyBytes: number, limitBytes: number): MemoryUse {
  const usedBytes = entries.reduce((sum, entry) => sum + countedBytes(entry), proxyBytes);
  return { limitBytes, usedBytes, freeBytes: Math.max(0, limitBytes - usedBytes) };
}

/** A slot that pressure may take: `lastUsefulAt` in ms on any one clock. */
export interface Offloadable {
  readonly id: number;
  readonly bytes: number;
  readonly lastUsefulAt: number;
}

/**
 * The slots to off-load so that at least `excessBytes` come back: least recently useful first, and no more of them than
 * needed. All of them when they do not suffice.
 */
export function chooseOffloads(candidates: readonly Offloadable[], excessBytes: number): number[] {
  const victims: number[] = [];
  let missingBytes = excessBytes;
  for (const candidate of [...candidates].sort((a, b) => a.lastUsefulAt - b.lastUsefulAt || a.id - b.id)) {
    if (missingBytes <= 0) break;
    victims.push(candidate.id);
    missingBytes -= candidate.bytes;
  }
  return victims;
}
