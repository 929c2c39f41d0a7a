import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, truncate } from 'node:fs/promises';
import path from 'node:path';
import { defaultStoreDirectory } from '../default-directory.ts';
import { useTemporaryFolder } from '../testing/temporary-folder.ts';

const main = path.resolve(import.meta.dirname, '../main.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command; `onOutput` sees what it has printed to stderr so far. */
async function models(args: readonly string[], onOutput?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    onOutput?.(stderr, (signal) => child.kill(signal));
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

describe('npm run models', function () {
  this.timeout(60_000);
  const inFolder = useTemporaryFolder();

  const mistakes = [
    { args: [], says: 'A command is missing.' },
    { args: ['polish'], says: 'There is no command polish.' },
    { args: ['build', '--only', 'resnet34'], says: 'There is no model resnet34 in the zoo. Choose from resnet18, ' },
    { args: ['import', 'stable-diffusion', 'unet.safetensors'], says: 'stable-diffusion is a pipeline, and each of its networks has weights of its own.' },
    { args: ['build', '--seed', 'x'], says: '--seed must be a whole number, not x.' },
    { args: ['build', '--fast'], says: "Unknown option '--fast'" },
    { args: ['import', 'resnet18'], says: 'import takes the name of a model and a .safetensors file.' },
  ];
  for (const { args, says } of mistakes) {
    it(`answers "${args.join(' ')}" with one line that says what to do, and fails`, async () => {
      const { code, stderr } = await models(args);
      assert.equal(code, 1);
      assert.ok(stderr.startsWith(says), stderr);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    });
  }

  it('builds, lists and verifies a store, and names a corrupt file and the way out', async () => {
    const dir = inFolder('store');
    const built = await models(['build', '--small', '--only', 'alexnet', '--dir', dir]);
    assert.equal(built.code, 0, built.stderr);
    assert.match((await models(['list', '--dir', dir])).stdout, /alexnet@1.*833,808/);
    assert.equal((await models(['verify', '--dir', dir])).code, 0);
    await truncate(path.join(dir, 'alexnet/alexnet.onnx'), 10);
    const corrupt = await models(['verify', '--dir', dir]);
    assert.equal(corrupt.code, 1);
    assert.match(corrupt.stderr, /alexnet\.onnx has 10 bytes, not \d+\. Build again: npm run models -- build --force --only alexnet/);
  });

  it('stops on Ctrl-C with exit code 130 and leaves nothing half-written', async () => {
    const dir = inFolder('interrupted');
    let isInterrupted = false;
    const { code, stderr } = await models(['build', '--small', '--dir', dir], (printed, kill) => {
      // A second Ctrl-C would end it at once.
      if (!isInterrupted && printed.includes('measuring')) kill('SIGINT');
      isInterrupted ||= printed.includes('measuring');
    });
    assert.equal(code, 130, stderr);
    const left = await readdir(dir, { recursive: true });
    assert.deepEqual(left.filter((name) => name.includes('.partial')), []);
  });

  it('says how to build a store where there is none', async () => {
    const { code, stderr } = await models(['list', '--dir', inFolder('nowhere')]);
    assert.equal(code, 1);
    assert.match(stderr, /There is no model store at .* Build it: npm run models -- build/);
  });

  it('keeps small models out of the folder of the full ones', () => {
    const environment = { INSTAINFER_MODEL_STORE: '/models' };
    assert.equal(defaultStoreDirectory('full', environment), '/models');
    assert.notEqual(defaultStoreDirectory('small', environment), '/models');
    assert.match(defaultStoreDirectory('full', {}), /\.cache\/models$/);
  });
});
