// What is believed of the host's page cache: which model files are in it, since when, and what the loads of each action are
// expected to find there. Files are named by their content: equal files are one, whoever declares them. It decides nothing.
import type { ActionKey } from '../../common/action-identity.ts';
import type { Action } from './action.ts';
import type { FileId, ModelFile } from './events.ts';
import { coldShareOf, isCold, isWarm } from './learn.ts';
import type { SchedulerState } from './state.ts';

export interface KnownFile {
  readonly bytes: number;
  /** How much of it was in the page cache when it was used last. */
  hotBytes: number;
  /** Epoch ms; undefined before the first use. */
  usedAt: number | undefined;
  /** Actions whose loads read it. */
  readonly users: Set<ActionKey>;
}

export interface ReadingAhead {
  readonly actionKey: ActionKey;
  /** It has been asked to stop. */
  isStopping: boolean;
}

export interface PageCache {
  /** Every file that some action reads. */
  readonly files: Map<FileId, KnownFile>;
  /** Those of which something is believed hot, the one used longest ago first. */
  readonly hot: Map<FileId, KnownFile>;
  hotBytes: number;
  /** What the host has for files: free memory, and the page cache that the kernel can take back; undefined: nobody reads ahead here. */
  capacityBytes: number | undefined;
  /** How long files stay in the page cache that nobody uses; Infinity until one has been found to be gone. */
  staysHotMs: number;
  reading: ReadingAhead | undefined;
  /** Actions whose files are worth reading ahead. */
  readonly wanted: Set<ActionKey>;
  /** Nothing of what is wanted can be read as things are. */
  isTried: boolean;
  /** While calls are expected to load, nothing is read; epoch ms. */
  quietUntil: number;
}

export function createPageCache(): PageCache {
  return { files: new Map(), hot: new Map(), hotBytes: 0, capacityBytes: undefined, staysHotMs: Infinity, reading: undefined, wanted: new Set(), isTried: false, quietUntil: 0 };
}

/** Says what the action's loads read from now on; what nobody reads any more is forgotten. */
export function setFiles(state: SchedulerState, action: Action, files: readonly ModelFile[]): void {
  const { pageCache } = state;
  for (const { id, bytes } of files) {
    const known = pageCache.files.get(id);
    if (known === undefined) pageCache.files.set(id, { bytes, hotBytes: 0, usedAt: undefined, users: new Set([action.key]) });
    else known.users.add(action.key);
  }
  const ids = new Set(files.map(({ id }) => id));
  for (const { id } of action.files) {
    const known = pageCache.files.get(id);
    if (known === undefined || ids.has(id)) continue;
    known.users.delete(action.key);
    if (known.users.size > 0) continue;
    cool(pageCache, id, known);
    pageCache.files.delete(id);
  }
  if (files.length === 0) pageCache.wanted.delete(action.key);
  action.files = files;
  action.fileBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  action.hotShare = 1;
  refreshHeat(state, action);
}

function cool(pageCache: PageCache, id: FileId, file: KnownFile): void {
  pageCache.hot.delete(id);
  pageCache.hotBytes -= file.hotBytes;
  file.hotBytes = 0;
}

/** So much of the file is in the page cache now. */
export function noteHot(state: SchedulerState, id: FileId, hotBytes: number): void {
  const { pageCache } = state;
  const file = pageCache.files.get(id);
  if (file === undefined) return;
  cool(pageCache, id, file);
  file.usedAt = state.now;
  file.hotBytes = Math.min(hotBytes, file.bytes);
  pageCache.hotBytes += file.hotBytes;
  if (file.hotBytes > 0) pageCache.hot.set(id, file);
}

/** Forgets what has become cold: unused for too long, or pushed out by what was read since, as far as the host's memory goes. */
export function ageFiles(state: SchedulerState): void {
  const { pageCache, now, dirty } = state;
  const capacityBytes = pageCache.capacityBytes ?? Infinity;
  for (const [id, file] of pageCache.hot) {
    const isOver = now - (file.usedAt ?? now) >= pageCache.staysHotMs;
    if (!isOver && pageCache.hotBytes <= capacityBytes) return;
    cool(pageCache, id, file);
    for (const key of file.users) dirty.add(key);
  }
}

/**
 * Holds what was believed of the action's files against the share of them that had to be read from the disk: files that were
 * used a minute ago and are gone show that files do not stay for a minute; files that are still there after two minutes show
 * that they stay for longer, twice as long perhaps.
 */
export function learnStay(state: SchedulerState, action: Action, coldShare: number | undefined): void {
  const unusedMs = unusedMsOf(state, action);
  const { pageCache } = state;
  if (unusedMs === undefined || coldShare === undefined) return;
  if (isCold(coldShare)) pageCache.staysHotMs = Math.min(pageCache.staysHotMs, unusedMs);
  else if (isWarm(coldShare) && unusedMs > pageCache.staysHotMs) pageCache.staysHotMs = 2 * unusedMs;
}

/** A call of the action, or a load of it, has used its files. `diskBytes`: what it read from the disk; undefined where nobody counted, or nothing was loaded. */
export function noteUse(state: SchedulerState, action: Action, diskBytes: number | undefined): void {
  if (action.files.length === 0) return;
  const { pageCache } = state;
  learnStay(state, action, coldShareOf(action, diskBytes));
  for (const { id, bytes } of action.files) noteHot(state, id, bytes);
  ageFiles(state);
  refreshHeat(state, action);
  // Others that read the same files find them, too.
  for (const { id } of action.files) {
    const users = pageCache.files.get(id)?.users ?? noUsers;
    if (users.size > 1) for (const key of users) state.dirty.add(key);
  }
}
const noUsers: ReadonlySet<ActionKey> = new Set<ActionKey>();

/** How long ago the one of the action's files was used that was used longest ago; undefined where one never was. */
function unusedMsOf({ pageCache, now }: SchedulerState, action: Action): number | undefined {
  let unusedMs = 0;
  for (const { id } of action.files) {
    const usedAt = pageCache.files.get(id)?.usedAt;
    if (usedAt === undefined) return undefined;
    unusedMs = Math.max(unusedMs, now - usedAt);
  }
  return unusedMs;
}

/** Works out anew how much of the action's files a load would find in the page cache. @returns when that falls next; Infinity: by itself never */
export function refreshHeat({ pageCache, now }: SchedulerState, action: Action): number {
  if (action.files.length === 0) return Infinity;
  let hotBytes = 0;
  let coldAt = Infinity;
  for (const { id } of action.files) {
    const file = pageCache.hot.get(id);
    const until = (file?.usedAt ?? -Infinity) + pageCache.staysHotMs;
    if (file === undefined || until <= now) continue;
    hotBytes += file.hotBytes;
    coldAt = Math.min(coldAt, until);
  }
  action.hotShare = Math.min(1, hotBytes / Math.max(1, action.fileBytes));
  return coldAt;
}
