// Every command of the README and the docs is one that exists and takes its options; the quick ones are run.
import { strict as assert } from 'node:assert';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../common/free-port.ts';
import { isHelpRequested } from '../common/config.ts';
import { parseStandaloneOptions } from '../cli/standalone/options.ts';
import { parseDemoOptions, parseSimOptions } from '../demo/options.ts';
import { parseCompareOptions } from '../lab/compare-options.ts';
import { Namespaces } from '../standalone/namespaces.ts';
import { runTraceCommand } from '../lab/traces/trace-command.ts';

const root = path.resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const documents = ['README.md', ...readdirSync(path.join(root, 'docs')).map((file) => `docs/${file}`), 'demo/README.md'].filter((file) => file.endsWith('.md'));

interface DocumentedCommand {
  readonly document: string;
  readonly script: string;
  readonly args: readonly string[];
}

/** `npm run NAME -- ARGS` in indented or fenced blocks and in inline code, comments cut off. */
function commandsOf(document: string): DocumentedCommand[] {
  const text = readFileSync(path.join(root, document), 'utf8');
  return [...text.matchAll(/npm run ([\w-]+)(?: -- ([^`\n#]*))?/g)].map((match) => ({
    document,
    script: match[1] ?? '',
    args: (match[2] ?? '').trim().split(/\s+/).filter((arg) => arg !== ''),
  }));
}

const commands = documents.flatMap(commandsOf);
const scripts = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts;
const unique = (script: string): string[][] => [...new Set(commands.filter((command) => command.script === script).map(({ args }) => args.join(' ')))].map((args) => (args === '' ? [] : args.split(' ')));

describe('the documented commands', function () {
  this.timeout(60_000);

  it('are found at all', () => {
    assert.ok(commands.length >= 8, `${commands.length}`);
  });

  it('name scripts of package.json only', () => {
    assert.deepEqual(
      commands.filter(({ script }) => scripts[script] === undefined),
      [],
    );
  });

  for (const args of unique('demo')) {
    it(`npm run demo -- ${args.join(' ')} has options that the demo takes`, () => {
      if (!isHelpRequested(args)) parseDemoOptions(args, {});
    });
  }

  for (const args of unique('instainfer').filter(([command]) => command === 'standalone')) {
    it(`npm run instainfer -- ${args.join(' ')} has options that the command takes`, () => {
      const key = '11111111-2222-4333-8444-555555555555:abcdefghijklmnopqrstuvwxyz0123456789';
      if (!isHelpRequested(args)) new Namespaces(parseStandaloneOptions(args.slice(1), {}).namespaces?.map((entry, at) => entry.replace('UUID:KEY', `${key}${at}`)));
    });
  }

  it('npm run instainfer names commands that exist', async () => {
    const { commands: known } = await import('../cli/commands/index.ts');
    const names = known.map(({ name }) => name);
    assert.deepEqual(unique('instainfer').map(([name]) => name ?? '').filter((name) => !names.includes(name) && !name.startsWith('--')), []);
  });

  for (const args of unique('lab')) {
    it(`npm run lab -- ${args.join(' ')} has options that the lab takes`, () => {
      assert.equal(args[0], 'compare');
      if (!isHelpRequested(args)) parseCompareOptions(args.slice(1), {});
    });
  }

  for (const args of unique('trace')) {
    it(`npm run trace -- ${args.join(' ')} has options that the command takes`, async () => {
      // A file that is not there: whatever else is wrong with the options is found first.
      const parts = args.map((arg) => (arg === 'FILE' ? '/nowhere/trace.csv' : arg));
      const outAt = parts.indexOf('--out');
      const silent = outAt < 0 ? parts : parts.toSpliced(outAt, 2);
      const work = runTraceCommand(silent, {}, { write: () => undefined });
      if (parts.includes('--trace')) await assert.rejects(work, { code: 'BAD_TRACE' });
      else assert.equal(await work, 0);
    });
  }

  for (const args of unique('sim').filter((candidate) => !candidate.some((arg) => arg.startsWith('OUT/')))) {
    it(`npm run sim -- ${args.join(' ')} runs`, async () => {
      parseSimOptions(args, {});
      const { stdout } = await run(process.execPath, [path.join(root, 'build/demo/main.js'), 'sim', ...args]);
      assert.match(stdout, /Simulated \(seed 1/);
    });
  }

  for (const [title, args] of [
    ['npm run demo -- --help', ['build/demo/main.js', 'live', '--help']],
    ['npm run sim -- --help', ['build/demo/main.js', 'sim', '--help']],
    ['npm run models -- --help', ['build/actions/zoo/main.js', '--help']],
    ['npm run bench', ['build/bench/main.js']],
  ] as const) {
    it(`${title} says how it is used`, async () => {
      const [file, ...rest] = args;
      const { stdout } = await run(process.execPath, [path.join(root, file), ...rest]);
      assert.match(stdout, /usage/i);
    });
  }

  it('docs/runtime.md names every setting of the runtime, and no other', () => {
    const names = (file: string): string[] => [...new Set(readFileSync(path.join(root, file), 'utf8').match(/\bINSTAINFER_[A-Z_]+\b/g))].sort();
    assert.deepEqual(names('docs/runtime.md'), names('runtime/config.ts'));
  });

  it('npm run runtime serves on PORT', async () => {
    const port = await freePort();
    const child = spawn(process.execPath, [path.join(root, 'build/runtime/main.js')], { env: { ...process.env, PORT: String(port) }, stdio: 'ignore' });
    try {
      await answers(`http://127.0.0.1:${port}/healthz`);
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  });

  it('npm run runtime says which port is taken, and ends', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, resolve));
    const { port } = taken.address() as AddressInfo;
    try {
      await assert.rejects(run(process.execPath, [path.join(root, 'build/runtime/main.js')], { env: { ...process.env, PORT: String(port) } }), (error: { code?: number; stderr?: string }) => {
        assert.equal(error.code, 1);
        assert.match(error.stderr ?? '', new RegExp(`${port}.*\\[PORT_IN_USE\\]`));
        assert.equal(error.stderr?.trimEnd().split('\n').length, 1);
        return true;
      });
    } finally {
      taken.close();
    }
  });

  it('package-main.js writes the zip of an action', async () => {
    const out = mkdtempSync(path.join(tmpdir(), 'documented-'));
    try {
      const { stdout } = await run(process.execPath, [path.join(root, 'build/actions/package-main.js'), 'resnet50', '--out', out]);
      assert.match(stdout, /wsk action create resnet50 --kind nodejs:instainfer/);
      assert.deepEqual(readdirSync(out), ['resnet50.zip']);
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

/** Resolves once the address answers 200. */
async function answers(url: string): Promise<void> {
  for (;;) {
    const status = await fetch(url).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
