// From the code of /init to the function to call: source text is evaluated, an archive's module is required. It runs
// inside a slot; where archives are unpacked is `archive.ts`'s work.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import type { Handler } from './activation.ts';

/** A require function that resolves as a file of the action's folder would. */
export const requireOf = (folder: string): NodeJS.Require => createRequire(path.join(folder, 'index.js'));

/**
 * Evaluates source text as the body of a sloppy-mode function with the variables of a CommonJS module around it, then
 * the expression `main` in the same scope; where that names nothing, it is looked up in what the source has exported.
 * @throws whatever the source throws, or an Error saying that `main` is not a function
 */
export function evaluateSource(code: string, main: string, folder: string): Handler {
  const filename = path.join(folder, 'index.js');
  const module: { exports: unknown } = { exports: {} };
  const body = `${code}\n;try { return (${main}); } catch (error) { if (error.name !== 'ReferenceError') throw error; }`;
  const evaluate: unknown = vm.compileFunction(body, ['require', 'module', 'exports', '__filename', '__dirname'], {
    filename,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const exported = module.exports;
  const named: unknown = (evaluate as EvaluatedSource)(requireOf(folder), module, exported, filename, folder);
  return handlerOf(named ?? propertyAt(module.exports, main.split('.')) ?? propertyAt(exported, main.split('.')), main);
}
type EvaluatedSource = (require: NodeJS.Require, module: object, exports: unknown, filename: string, dirname: string) => unknown;

/**
 * Requires (or imports, if it is an ES module) the action's module out of its unpacked folder.
 * `main` is the name of an export of the package, or `file.export` with `file.js` in the folder; exports may be nested.
 */
export async function requireArchive(main: string, folder: string): Promise<Handler> {
  const [first = '', ...rest] = main.split('.');
  const namesFile = rest.length > 0;
  if (!namesFile && !existsSync(path.join(folder, 'package.json')) && !existsSync(path.join(folder, 'index.js'))) {
    throw new Error('Zipped actions must contain either package.json or index.js at the root.');
  }
  const require = requireOf(folder);
  const file = require.resolve(namesFile ? `./${first}` : './');
  const properties = namesFile ? rest : [first];
  // Imported rather than required, so that a module with top-level await works as well.
  const loaded: unknown = isEsModule(file, folder) ? await import(pathToFileURL(file).href) : require(file);
  return handlerOf(propertyAt(loaded, properties) ?? propertyAt(propertyAt(loaded, ['default']), properties), main);
}

function handlerOf(candidate: unknown, main: string): Handler {
  if (typeof candidate !== 'function') throw new Error(`Action entrypoint '${main}' is not a function.`);
  return candidate as Handler;
}

function propertyAt(value: unknown, properties: readonly string[]): unknown {
  let current: unknown = value;
  for (const property of properties) {
    if (current === null || (typeof current !== 'object' && typeof current !== 'function')) return undefined;
    current = Reflect.get(current, property);
  }
  return current;
}

/** Node's rule: by extension, else by `type` of the nearest package.json. */
function isEsModule(file: string, folder: string): boolean {
  if (!file.endsWith('.js')) return file.endsWith('.mjs');
  for (let directory = path.dirname(file); directory.startsWith(folder); directory = path.dirname(directory)) {
    const packageFile = path.join(directory, 'package.json');
    if (!existsSync(packageFile)) continue;
    const parsed: unknown = JSON.parse(readFileSync(packageFile, 'utf8'));
    return propertyAt(parsed, ['type']) === 'module';
  }
  return false;
}
