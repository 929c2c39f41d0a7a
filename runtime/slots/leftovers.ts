// What a slot's user may have left outside of the slot's folder: files in the folders everybody may write to, and System
// V objects. POSIX message queues cannot be left where the launcher forbids them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readdir, readFile, rmdir } from 'node:fs/promises';
import path from 'node:path';

/** Folders that every user of a usual image may write to. */
const sharedFolders = ['/tmp', '/var/tmp', '/dev/shm', '/dev/mqueue', '/run/lock'];
/** How deep folders that everybody may write to are looked for inside those. */
const maxDepth = 3;
const worldWritable = 0o002;

/**
 * Removes the slot's folder and whatever else belongs to its user, whose processes must be gone. Never rejects.
 * It is done as that user: another slot may be at work in a folder that this one has opened to everybody, and would lead
 * root, who follows a path, to where it should not remove anything.
 * @returns whether nothing is left
 */
export async function removeLeftovers(uid: number, directory: string): Promise<boolean> {
  const found = (await Promise.all(sharedFolders.map((folder) => filesOf(uid, folder, 0)))).flat();
  const objects = (await Promise.all(systemVTables.map(async ({ table, option }) => (await ownEntries(table, uid)).flatMap((id) => [option, id])))).flat();
  // Root may not remove these without a capability that containers do not have.
  if (objects.length > 0) await runAs(uid, '/usr/bin/ipcrm', objects);
  const left = await removeAs(uid, directory, found);
  if (left.length === 0) return true;
  // Folders that their owner has locked even for itself.
  await runAs(uid, '/bin/chmod', ['-R', 'u+rwx', '--', ...left]);
  return (await removeAs(uid, directory, left)).length === 0;
}

/** @returns what is still there */
async function removeAs(uid: number, directory: string, files: readonly string[]): Promise<string[]> {
  const all = [...new Set([directory, ...files])];
  await runAs(uid, '/bin/rm', ['-rf', '--', ...all]);
  // Its user could empty the slot's folder, which lies in one of root's.
  await rmdir(directory).catch(() => undefined);
  const isThere = await Promise.all(all.map((file) => lstat(file).then(() => true, () => false)));
  return all.filter((_, index) => isThere[index]);
}

/** What belongs to this user in a folder that everybody may write to. */
async function filesOf(uid: number, folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder).catch((): string[] => []);
  const found = entries.map(async (name) => {
    const file = path.join(folder, name);
    const status = await lstat(file).catch(() => undefined);
    if (status?.uid === uid) return [file];
    const isShared = status?.isDirectory() === true && (status.mode & worldWritable) !== 0 && depth < maxDepth;
    return isShared ? filesOf(uid, file, depth + 1) : [];
  });
  return (await Promise.all(found)).flat();
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
async function ownEntries(table: string, uid: number): Promise<string[]> {
  const text = await readFile(`/proc/sysvipc/${table}`, 'utf8').catch(() => '');
  const [header = '', ...lines] = text.trim().split('\n');
  const columns = header.trim().split(/\s+/);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => ['uid', 'cuid'].some((column) => fields[columns.indexOf(column)] === String(uid)))
    .map((fields) => fields[1] ?? '');
}
