import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../../common/errors.ts';
import { artifactsSchema } from '../../runtime/protocol.ts';
import { actionNames } from '../action-names.ts';
import { createCommand, packageAction, type PackagedAction } from '../package-action.ts';
import { isPipelineName, modelNames, pipelineNames } from '../zoo/architectures/index.ts';
import { zipContents } from '../testing/unpacked-action.ts';

const projectDir = path.resolve(import.meta.dirname, '../../..');

describe('the packager', () => {
  let tempDir: string;
  before(async () => {
    tempDir = await mkdtemp(path.join(tmpdir(), 'instainfer-package-'));
  });
  after(() => rm(tempDir, { recursive: true, force: true }));

  it('knows an action for each model and pipeline of the zoo', () => {
    assert.deepEqual([...actionNames].sort(), [...modelNames, ...pipelineNames].sort());
  });

  it('knows exactly the folders that declare artifacts', async () => {
    const folders = await readdir(path.join(projectDir, 'actions'), { withFileTypes: true });
    const withArtifacts: string[] = [];
    for (const folder of folders.filter((entry) => entry.isDirectory())) {
      if ((await readdir(path.join(folder.parentPath, folder.name))).includes('instainfer.json')) withArtifacts.push(folder.name);
    }
    // The one to begin with for a model of one's own is none of the zoo's.
    assert.deepEqual(withArtifacts.sort(), [...actionNames, 'own-model'].sort());
  });

  for (const name of actionNames) {
    it(`makes of ${name} a zip that a Node.js runtime can start, with the model or pipeline of its name declared`, async () => {
      const packaged = await packageAction(name);
      const contents = await zipContents(packaged.zip);
      const packageJson = JSON.parse(contents.get('package.json')!.toString());
      assert.equal(packageJson.name, name);
      assert.equal(packaged.name, name);
      assert.ok(contents.has(packageJson.main));
      const declared = artifactsSchema.parse(JSON.parse(contents.get('instainfer.json')!.toString()));
      const own = [{ name, store: `${name}@1` }];
      assert.deepEqual([declared.models, declared.pipelines ?? []], isPipelineName(name) ? [[], own] : [own, []]);
      assert.deepEqual(packaged.artifacts, declared);
      assert.deepEqual(packaged.annotations, [{ key: 'preload', value: declared }]);
      assert.match(contents.get('index.js')!.toString(), /exports\.main = /);
    });

    it(`puts the SDK into the zip of ${name}, and no heavy library`, async () => {
      const { zip } = await packageAction(name);
      const packages = [...(await zipContents(zip)).keys()].map((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]).filter(Boolean);
      assert.deepEqual([...new Set(packages)], ['instainfer']);
      assert.ok(zip.length < 200_000, `${zip.length} bytes`);
    });
  }

  it('gives the same bytes in every time zone', async () => {
    const before = process.env.TZ;
    try {
      process.env.TZ = 'Pacific/Auckland';
      const far = (await packageAction('resnet50')).zip;
      process.env.TZ = 'America/Los_Angeles';
      assert.deepEqual((await packageAction('resnet50')).zip, far);
    } finally {
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    }
  });

  async function actionFolder(name: string, files: Record<string, string>): Promise<string> {
    const folder = path.join(tempDir, name);
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), text);
    }
    return folder;
  }

  it("packages a folder of one's own with what it includes, without hidden files and TypeScript", async () => {
    await actionFolder('common', { 'help.js': 'help' });
    const folder = await actionFolder('mine', {
      'index.js': 'exports.main = () => ({});',
      'package.json': '{"name":"mine","instainfer":{"memoryMegabytes":1024,"include":["../common/help.js"]}}',
      'instainfer.json': '{"models":[{"name":"m","path":"m.onnx"}]}',
      'm.onnx': 'weights',
      'types.ts': 'no',
      '.git/config': 'no',
    });
    const packaged = await packageAction(folder);
    const files = [...(await zipContents(packaged.zip)).keys()].filter((file) => !file.startsWith('node_modules/'));
    assert.deepEqual(files, ['index.js', 'instainfer.json', 'm.onnx', 'package.json', 'common/help.js']);
    assert.equal(packaged.memoryLimitMegabytes, 1024);
    assert.deepEqual(packaged.artifacts, { models: [{ name: 'm', path: 'm.onnx' }], libraries: [] });
  });

  const broken: [why: string, files: Record<string, string>, message: RegExp][] = [
    ['has no instainfer.json', { 'package.json': '{"name":"a"}' }, /instainfer\.json cannot be read/],
    ['declares a model without a place', { 'package.json': '{"name":"a"}', 'instainfer.json': '{"models":[{"name":"m"}]}' }, /exactly one of "path".*models\[0\]/],
    ['has a package.json without a name', { 'package.json': '{}', 'instainfer.json': '{}' }, /package\.json does not fit.*name/],
    ['includes what is not there', { 'package.json': '{"name":"a","instainfer":{"include":["../gone"]}}', 'instainfer.json': '{}' }, /gone is not there/],
  ];
  for (const [index, [why, files, message]] of broken.entries()) {
    it(`refuses a folder that ${why}, and says so`, async () => {
      const folder = await actionFolder(`broken-${index}`, files);
      await assert.rejects(packageAction(folder), (thrown) => thrown instanceof AppError && thrown.code === 'ACTION_ARCHIVE' && message.test(thrown.message));
    });
  }

  it('refuses a link, which would be missing in the zip', async () => {
    const folder = await actionFolder('linked', { 'package.json': '{"name":"a"}', 'instainfer.json': '{}' });
    await symlink(tempDir, path.join(folder, 'shared'));
    await assert.rejects(packageAction(folder), /linked\/shared is a link, not a file/);
  });

  it('quotes the command for a shell', () => {
    const action: PackagedAction = {
      name: 'my action',
      zip: Buffer.alloc(0),
      artifacts: { models: [], libraries: ["it's"] },
      memoryLimitMegabytes: 256,
      annotations: [{ key: 'preload', value: { libraries: ["it's"] } }],
    };
    assert.equal(
      createCommand(action, 'out/a.zip'),
      `wsk action create 'my action' --kind nodejs:instainfer out/a.zip --memory 256 -a preload '{"libraries":["it'\\''s"]}'`,
    );
  });
});

describe("the packager's command line", () => {
  const run = promisify(execFile);
  const main = path.join(projectDir, 'build/actions/package-main.js');

  it('writes the zips and prints the commands that create them', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'instainfer-package-main-'));
    try {
      const { stdout } = await run(process.execPath, [main, 'alexnet', 'bert-base', '--out', dir]);
      assert.deepEqual((await readdir(dir)).sort(), ['alexnet.zip', 'bert-base.zip']);
      assert.deepEqual(stdout.trim().split('\n').map((line) => line.split(' ').slice(0, 4).join(' ')), ['wsk action create alexnet', 'wsk action create bert-base']);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('refuses an action it does not know with exit code 2 and the list of those it knows', async () => {
    await assert.rejects(run(process.execPath, [main, 'resnet51']), (thrown: Error & { code?: number; stderr?: string }) => {
      assert.equal(thrown.code, 2);
      assert.match(thrown.stderr ?? '', /no action "resnet51".*resnet152, alexnet/);
      return true;
    });
  });
});

describe('docs/actions.md', () => {
  it('shows the command that the packager prints', async () => {
    const text = await readFile(path.join(projectDir, 'docs/actions.md'), 'utf8');
    assert.ok(text.includes(`\n${createCommand(await packageAction('resnet50'), 'out/actions/resnet50.zip')}\n`));
  });

  it('installs the versions of the libraries that the actions are tested with', async () => {
    const text = await readFile(path.join(projectDir, 'docs/actions.md'), 'utf8');
    const { dependencies } = JSON.parse(await readFile(path.join(projectDir, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    for (const library of ['onnxruntime-node', 'sharp', '@huggingface/tokenizers']) assert.ok(text.includes(`${library}@${dependencies[library]}`), library);
  });
});
