// What a slot's user leaves when its processes are gone: its folder, files in the folders everybody may write to, and
// System V objects. POSIX message queues cannot be left where the launcher forbids them. Removing is done as that user:
// another slot may be at work in a folder that this one has opened to everybody, and would lead root, who follows a path,
// to where nothing should be removed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, lstatSync, readdirSync, readFileSync, type Stats } from 'node:fs';
import { lstat, rmdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Folders that every user of a usual image may write to. */
const sharedFolders = ['/tmp', '/var/tmp', '/dev/shm', '/dev/mqueue', '/run/lock'];
/** How deep folders that everybody may write to are looked for inside those. */
const maxDepth = 3;
const worldWritable = 0o002;
/** So many files are looked at in one turn of the event loop. */
const looksPerTurn = 200;

/** What the next slot needs of the file system for itself. */
const leastFreeBytes = 64 * 1024 * 1024;
const leastFreeFiles = 1000;

/** Whether another slot could begin its work in this folder's file system as it is. */
export async function hasRoom(folder: string): Promise<boolean> {
  try {
    const { bavail, bsize, files, ffree } = await statfs(folder);
    // Some file systems do not count files.
    return bavail * bsize >= leastFreeBytes && (files === 0 || ffree >= leastFreeFiles);
  } catch {
    return false;
  }
}

/** Whom a slot has let into its folder is let in no more: the folder lies in one of root's, where its name cannot change hands. */
export function closeFolder(directory: string): void {
  try {
    chmodSync(directory, 0o700);
  } catch {
    // It is not there.
  }
}

/**
 * Removes what this user has left outside of its folder. Never rejects.
 * @returns whether nothing is left
 */
export async function removeStrewn(uid: number): Promise<boolean> {
  const objects = systemVTables.flatMap(({ table, option }) => ownEntries(table, uid).flatMap((id) => [option, id]));
  // Root may not remove these without a capability that containers do not have.
  if (objects.length > 0) await runAs(uid, '/usr/bin/ipcrm', objects);
  const files: string[] = [];
  for (const folder of sharedFolders) files.push(...(await filesOf(uid, folder, 0)));
  return files.length === 0 || (await removeAs(uid, files)).length === 0;
}

/**
 * Removes a slot's folder. Never rejects.
 * @returns whether it is gone
 */
export async function removeFolder(uid: number, directory: string): Promise<boolean> {
  return (await removeAs(uid, [directory])).length === 0;
}

/** @returns what is still there */
async function removeAs(uid: number, files: readonly string[]): Promise<string[]> {
  const left = await removeOnce(uid, files);
  if (left.length === 0) return left;
  // Folders that their owner has locked even for itself.
  await runAs(uid, '/bin/chmod', ['-R', 'u+rwx', '--', ...left]);
  return removeOnce(uid, left);
}

async function removeOnce(uid: number, files: readonly string[]): Promise<string[]> {
  await runAs(uid, '/bin/rm', ['-rf', '--', ...files]);
  const isThere = await Promise.all(
    files.map(async (file) => {
      // Its user could empty a slot's folder, but not remove it from root's.
      await rmdir(file).catch(() => undefined);
      return lstat(file).then(
        () => true,
        () => false,
      );
    }),
  );
  return files.filter((_, index) => isThere[index]);
}

/** What belongs to this user in a folder that everybody may write to. */
async function filesOf(uid: number, folder: string, depth: number): Promise<string[]> {
  const found: string[] = [];
  let looks = 0;
  for (const name of namesIn(folder)) {
    const file = path.join(folder, name);
    const status = statusOf(file);
    if (status?.uid === uid) found.push(file);
    else if (status?.isDirectory() === true && (status.mode & worldWritable) !== 0 && depth < maxDepth) found.push(...(await filesOf(uid, file, depth + 1)));
    looks += 1;
    if (looks % looksPerTurn === 0) await nextTurn();
  }
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function statusOf(file: string): Stats | undefined {
  try {
    return lstatSync(file);
  } catch {
    return undefined;
  }
}

/** Resolves when the program has ended, well or not. */
async function runAs(uid: number, program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { uid, gid: uid, cwd: '/', stdio: 'ignore', env: {} });
  await once(child, 'exit').catch(() => undefined);
}

/** The kernel's tables, and the option by which `ipcrm` removes an entry of each. */
const systemVTables = [
  { table: 'shm', option: '-m' },
  { table: 'sem', option: '-s' },
  { table: 'msg', option: '-q' },
] as const;

/** Ids of the entries whose owner or creator is this user. */
function ownEntries(table: string, uid: number): string[] {
  let text: string;
  try {
    text = readFileSync(`/proc/sysvipc/${table}`, 'utf8');
  } catch {
    return [];
  }
  const [header = '', ...lines] = text.trim().split('\n');
  const columns = header.trim().split(/\s+/);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => ['uid', 'cuid'].some((column) => fields[columns.indexOf(column)] === String(uid)))
    .map((fields) => fields[1] ?? '');
}
