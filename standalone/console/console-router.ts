// Serves the console: one page with its script, its styles and the chart library. It holds no data and needs no key; what it
// shows, the page asks for with its visitor's.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Router } from 'express';

/** Scripts are compiled beside this file; the page and its styles stay where they are written. */
const scripts = path.join(import.meta.dirname, 'page');
const written = path.resolve(import.meta.dirname, '../../../standalone/console/page');
const plot = import.meta.resolve('@observablehq/plot');
const d3 = createRequire(plot).resolve('d3');

/** Files that are served by name; everything else in those folders stays there. */
const files: Readonly<Record<string, string>> = {
  'console.css': path.join(written, 'console.css'),
  'd3.js': path.join(path.dirname(d3), 'd3.min.js'),
  'plot.js': path.resolve(path.dirname(fileURLToPath(plot)), '../dist/plot.umd.min.js'),
  ...Object.fromEntries(readdirSync(scripts).flatMap((name) => (name.endsWith('.js') ? [[name, path.join(scripts, name)]] : []))),
};

/** Nothing from anywhere else; charts bring their own style elements. */
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** To be mounted at `/`. Whoever asks there for JSON is passed on. */
export function consoleRouter(): Router {
  const router = Router();
  router.get('/', (request, response, next) => {
    if (request.accepts(['json', 'html']) !== 'html') {
      next();
      return;
    }
    response.set({ 'content-security-policy': policy, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-cache' });
    response.sendFile(path.join(written, 'index.html'));
  });
  router.get('/console/:file', (request, response, next) => {
    const name = String(request.params['file']);
    const file = Object.hasOwn(files, name) ? files[name] : undefined;
    if (file === undefined) next();
    else response.set({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' }).sendFile(file);
  });
  return router;
}
