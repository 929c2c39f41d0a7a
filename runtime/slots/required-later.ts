// A module that is loaded when somebody first requires or imports it, by our own way of loading it.
import { createRequire, Module } from 'node:module';

const { cache } = createRequire(import.meta.url);

/**
 * From now on whoever asks for the CommonJS module of this file gets what `load` returns, called once and only then.
 * `load` may require the file itself: it gets the module.
 */
export function requireLater(file: string, load: () => unknown): void {
  const waiting = new Module(file);
  waiting.filename = file;
  waiting.loaded = true;
  Object.defineProperty(waiting, 'exports', {
    get: () => {
      if (cache[file] === waiting) Reflect.deleteProperty(cache, file);
      return load();
    },
  });
  cache[file] = waiting;
}
