// Lays out the files of the runtime image in an empty folder, for runtime/Dockerfile:
//   node build/scripts/runtime-image/assemble.js FOLDER
//   node build/scripts/runtime-image/assemble.js --list    the folders of packages that takes, one a line
// instainfer/node_modules holds what actions may require, instainfer/build/node_modules what is the proxy's alone.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isNeeded, librariesOfActions, packageFolders, readPackageLock, readProgram } from './contents.ts';

const root = path.resolve(import.meta.dirname, '../../..');

function copy(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
}

/** Copies a package without the packages inside it, which are packages of their own here. */
function copyPackage(folder: string, target: string): void {
  const walk = (directory: string): void => {
    for (const entry of readdirSync(path.join(root, directory))) {
      const file = path.posix.join(directory, entry);
      if (statSync(path.join(root, file)).isDirectory()) {
        if (entry !== 'node_modules') walk(file);
      } else if (isNeeded(file, process.platform, process.arch)) copy(path.join(root, file), path.join(target, file));
    }
  };
  walk(folder);
}

const lock = readPackageLock(root);
const program = readProgram(path.join(root, 'build'));
const librariesOfProxy = program.libraries.filter((name) => !(librariesOfActions as readonly string[]).includes(name));
const foldersOfActions = packageFolders(root, lock, librariesOfActions);
const foldersOfProxy = packageFolders(root, lock, librariesOfProxy);

function assemble(imageDir: string): void {
  const home = path.join(imageDir, 'instainfer');
  for (const file of program.files) copy(path.join(root, 'build', file), path.join(home, 'build', file));
  for (const folder of foldersOfActions) copyPackage(folder, home);
  for (const folder of foldersOfProxy) copyPackage(folder, path.join(home, 'build'));
  const { name, version, license, type } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Record<string, string>;
  const versionOf = (library: string): [string, string | undefined] => [library, lock.packages[`node_modules/${library}`]?.version];
  const dependencies = Object.fromEntries([...librariesOfActions, ...librariesOfProxy].sort().map(versionOf));
  writeFileSync(path.join(home, 'package.json'), `${JSON.stringify({ name: `${name}-runtime`, version, license, private: true, type, dependencies }, null, 2)}\n`);
  copy(path.join(root, 'LICENSE'), path.join(home, 'LICENSE'));
}

const [target] = process.argv.slice(2);
if (target === undefined) {
  process.stderr.write('usage: node build/scripts/runtime-image/assemble.js FOLDER | --list\n');
  process.exitCode = 2;
} else if (target === '--list') {
  const folders = [...new Set([...foldersOfActions, ...foldersOfProxy])];
  const outermost = folders.filter((folder) => !folders.some((around) => folder.startsWith(`${around}/`)));
  process.stdout.write(outermost.map((folder) => `${folder}\n`).join(''));
} else {
  assemble(path.resolve(target));
}
