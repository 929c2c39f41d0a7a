// Works out what the runtime image holds: of the compiled program what its entry points reach, and of node_modules the
// production packages those files and actions need, as package-lock.json resolves them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { z } from 'zod';

/** What actions find beside their own packages; the proxy's other libraries are hidden from them. */
export const librariesOfActions = ['@huggingface/tokenizers', 'onnxruntime-node', 'openwhisk', 'sharp'] as const;

/** Dependencies that a package needs while it is being installed only. */
const installTimeOnly: Readonly<Record<string, readonly string[]>> = { 'onnxruntime-node': ['adm-zip', 'global-agent'] };

const packageLockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      dependencies: z.record(z.string(), z.string()).default({}),
      optionalDependencies: z.record(z.string(), z.string()).default({}),
    }),
  ),
});
export type PackageLock = z.infer<typeof packageLockSchema>;

export function readPackageLock(root: string): PackageLock {
  return packageLockSchema.parse(JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')));
}

export interface Program {
  /** Relative to `build/`, sorted. */
  readonly files: readonly string[];
  /** npm packages those files import, sorted. */
  readonly libraries: readonly string[];
}

const isTestFile = (file: string): boolean => /(^|\/)(test|testing)\//.test(file);

/** Everything compiled of the runtime but its tests, and what that reaches in other folders. */
export function readProgram(buildDir: string): Program {
  const waiting = readdirSync(path.join(buildDir, 'runtime'), { recursive: true, encoding: 'utf8' })
    .map((file) => path.join('runtime', file))
    .filter((file) => /\.c?js$/.test(file) && !isTestFile(file));
  const files = new Set<string>();
  const libraries = new Set<string>();
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const specifier of importsOf(readFileSync(path.join(buildDir, file), 'utf8'))) {
      if (specifier.startsWith('.')) waiting.push(path.join(path.dirname(file), specifier));
      else if (!isBuiltin(specifier)) libraries.add(packageOf(specifier));
    }
  }
  return { files: [...files].sort(), libraries: [...libraries].sort() };
}

function importsOf(source: string): string[] {
  return [...source.matchAll(/(?:\bfrom|\bimport|\bimport\(|\brequire\(|\bcreateRequire\(import\.meta\.url\)\()\s*['"]([^'"]+)['"]/g)].map((match) => match[1] ?? '');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/**
 * The folders below `root` that packages and everything they depend on are installed in, such as `node_modules/express`,
 * sorted. Optional packages of other platforms, which are not installed here, are left out.
 */
export function packageFolders(root: string, lock: PackageLock, names: readonly string[]): string[] {
  const waiting = names.map((name) => ({ name, from: '', isOptional: false }));
  const folders = new Set<string>();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const folder = resolveFolder(lock, next.name, next.from);
    if (folder === undefined || !existsSync(path.join(root, folder))) {
      if (next.isOptional) continue;
      throw new Error(`${next.name}, which ${next.from || 'the image'} needs, is not installed: npm ci`);
    }
    if (folders.has(folder)) continue;
    folders.add(folder);
    const entry = lock.packages[folder];
    const skipped = installTimeOnly[next.name] ?? [];
    for (const name of Object.keys(entry?.dependencies ?? {})) if (!skipped.includes(name)) waiting.push({ name, from: folder, isOptional: false });
    for (const name of Object.keys(entry?.optionalDependencies ?? {})) waiting.push({ name, from: folder, isOptional: true });
  }
  return [...folders].sort();
}

/** Node.js looks in the requiring package's own node_modules first, then in those of the packages around it. */
function resolveFolder(lock: PackageLock, name: string, from: string): string | undefined {
  for (let around = from; ; around = around.slice(0, Math.max(0, around.lastIndexOf('/node_modules/')))) {
    const candidate = path.posix.join(around, 'node_modules', name);
    if (lock.packages[candidate] !== undefined) return candidate;
    if (around === '') return undefined;
  }
}

/** Whether a file of a package is of use at run time on this platform. */
export function isNeeded(packageFile: string, platform: string, architecture: string): boolean {
  if (/\.(?:[cm]?ts|map|md)$/i.test(packageFile) || /\/test(?:ing)?\//.test(packageFile)) return false;
  const onnxRuntime = /^node_modules\/onnxruntime-node\/(script\/|bin\/[^/]+\/([^/]+)\/([^/]+)\/)/.exec(packageFile);
  if (onnxRuntime === null) return true;
  return onnxRuntime[2] === platform && onnxRuntime[3] === architecture;
}
