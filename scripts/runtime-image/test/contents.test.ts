import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isNeeded, librariesOfActions, packageFolders, readPackageLock, readProgram, type PackageLock } from '../contents.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const program = readProgram(path.join(root, 'build'));

describe('what the runtime image holds', () => {
  it('is the program that the proxy and its slots run, and none of the plugins or tests', () => {
    for (const file of ['runtime/main.js', 'runtime/slots/slot-entry.js', 'runtime/sdk/index.cjs', 'common/errors.js']) assert.ok(program.files.includes(file), file);
    assert.deepEqual(
      program.files.filter((file) => !/^(?:runtime|common)\//.test(file) || /\/test(?:ing)?\//.test(file)),
      [],
    );
  });

  it('is every library the program imports, each a dependency of the project', () => {
    const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    assert.ok(program.libraries.includes('zod'), 'imported');
    assert.ok(program.libraries.includes('yauzl'), 'required, so that a slot is smaller');
    assert.deepEqual(
      [...program.libraries, ...librariesOfActions].filter((name) => dependencies[name] === undefined),
      [],
    );
  });

  it('is every library that an action of ours requires or declares', () => {
    const actions = path.join(root, 'actions');
    const required = new Set<string>();
    for (const file of readdirSync(actions, { recursive: true, encoding: 'utf8' })) {
      if (/(^|\/)(zoo|test|testing)\//.test(file)) continue;
      const text = /\.js$|instainfer\.json$/.test(file) ? readFileSync(path.join(actions, file), 'utf8') : '';
      for (const [, name = ''] of text.matchAll(/(?:require|library)\('([@a-z][^'.]*)'\)/g)) required.add(name);
      if (file.endsWith('instainfer.json')) for (const name of (JSON.parse(text) as { libraries?: string[] }).libraries ?? []) required.add(name);
    }
    const missing = [...required].filter((name) => !name.startsWith('node:') && name !== 'instainfer' && !(librariesOfActions as readonly string[]).includes(name));
    assert.ok(required.has('onnxruntime-node'));
    assert.deepEqual(missing, []);
  });

  it('is, of ONNX Runtime, the binaries of one platform and nothing to install it with', () => {
    const needed = (file: string): boolean => isNeeded(`node_modules/onnxruntime-node/${file}`, 'linux', 'x64');
    assert.equal(needed('bin/napi-v6/linux/x64/onnxruntime_binding.node'), true);
    assert.equal(needed('bin/napi-v6/linux/arm64/onnxruntime_binding.node'), false);
    assert.equal(needed('bin/napi-v6/win32/x64/onnxruntime.dll'), false);
    assert.equal(needed('script/install.js'), false);
    assert.equal(needed('dist/index.js'), true);
  });

  it('leaves out sources, source maps, tests and manuals of packages, not their licences', () => {
    const needed = (file: string): boolean => isNeeded(`node_modules/a/${file}`, 'linux', 'x64');
    assert.deepEqual(['index.js', 'LICENSE', 'index.d.ts', 'index.ts', 'index.js.map', 'README.md', 'test/index.js', 'lib/latest/index.js'].map(needed), [true, true, false, false, false, false, false, true]);
  });
});

describe('the folders of a package', () => {
  const lock = readPackageLock(root);

  it('are those of everything it depends on, for this platform', () => {
    const folders = packageFolders(root, lock, ['sharp']);
    for (const name of ['node_modules/sharp', 'node_modules/detect-libc', 'node_modules/semver', `node_modules/@img/sharp-${process.platform}-${process.arch}`]) assert.ok(folders.includes(name), name);
    assert.equal(folders.some((folder) => folder.includes('win32')), false);
  });

  it('leave out what it needs while it is installed only', () => {
    assert.deepEqual(packageFolders(root, lock, ['onnxruntime-node']), ['node_modules/onnxruntime-common', 'node_modules/onnxruntime-node']);
  });

  it("are a dependency's own, where it has another version than the rest", () => {
    const nested = Object.keys(lock.packages).find((folder) => folder.lastIndexOf('/node_modules/') > 0);
    assert.ok(nested !== undefined);
    const outer = nested.slice('node_modules/'.length, nested.lastIndexOf('/node_modules/'));
    const folders = packageFolders(root, lock, [outer]);
    assert.ok(folders.includes(nested), nested);
  });

  it('cannot be told of what is not installed', () => {
    const absent: PackageLock = { packages: { 'node_modules/absent': { dependencies: {}, optionalDependencies: {} } } };
    assert.throws(() => packageFolders(root, absent, ['absent']), /absent.*not installed/);
    assert.throws(() => packageFolders(root, absent, ['unheard-of']), /unheard-of.*not installed/);
  });
});
