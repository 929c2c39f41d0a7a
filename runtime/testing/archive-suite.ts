// The behaviour OpenWhisk asks of its Node.js runtimes with zip actions, as its NodeJsActionContainerTests do, and ES
// modules, which the stock runtime takes on current Node.js.
import { strict as assert } from 'node:assert';
import { assertOk, assertQuiet, initBody, initialised, runBody, streamsOf, type ContainerFactory, type InitOptions } from './conformance.ts';
import { zipBase64, type ZipContents } from './zip.ts';

const echo = 'exports.main = (args) => args;';
const packageJson = (fields: object = {}): string => JSON.stringify({ name: 'wskaction', version: '1.0.0', description: 'An OpenWhisk action as an npm package.', ...fields });

interface Row {
  readonly title: string;
  readonly contents: ZipContents;
  readonly options?: InitOptions;
}

const working: Row[] = [
  { title: 'an npm package', contents: { 'package.json': packageJson({ main: 'index.js' }), 'index.js': echo } },
  { title: 'a package without package.json', contents: { 'index.js': echo } },
  { title: 'a main in another file than index.js', contents: { 'other.js': 'exports.niam = (args) => args;' }, options: { main: 'other.niam' } },
  { title: 'a nested main', contents: { 'other.js': 'exports.niam = { xyz: (args) => args };' }, options: { main: 'other.niam.xyz' } },
  {
    title: 'a main that overrides the entry point of package.json',
    contents: { 'package.json': packageJson({ main: 'index.js' }), 'index.js': 'exports.main = () => ({ wrong: true });', 'other.js': 'exports.niam = (args) => args;' },
    options: { main: 'other.niam' },
  },
  {
    title: 'a non-default entry point of the package',
    contents: { 'package.json': packageJson({ main: 'index.js' }), 'index.js': 'exports.niam = (args) => args;' },
    options: { main: 'niam' },
  },
  { title: 'an ES module', contents: { 'package.json': packageJson({ type: 'module', main: 'index.js' }), 'index.js': 'export const main = (args) => args;' } },
  { title: 'an ES module with a default export', contents: { 'package.json': packageJson({ main: 'index.mjs' }), 'index.mjs': 'export default { main: (args) => args };' } },
  {
    title: 'an ES module with top-level await',
    contents: { 'package.json': packageJson({ type: 'module' }), 'index.js': 'const echo = await Promise.resolve((args) => args);\nexport { echo as main };' },
  },
];

export function describeArchiveContract(fresh: ContainerFactory): void {
  describe('a Node.js runtime with zip actions', () => {
    for (const { title, contents, options } of working) {
      it(`supports ${title}`, async () => {
        const container = await initialised(await fresh(), await zipBase64(contents), options);
        assertOk(await container.run(runBody({ hello: 'world' })), { hello: 'world' });
        await assertQuiet(container, 1);
      });
    }

    it('fails gracefully on what is no archive', async () => {
      const container = await fresh();
      const reply = await container.init(initBody(Buffer.from('this is not a zip file!!').toString('base64')));
      assert.notEqual(reply.status, 200);
      const { stdout, stderr } = await streamsOf(container, 1);
      assert.match(stdout + stderr, /error/i);
      assert.match(stdout + stderr, /syntax|uncompressing/i);
    });

    it('fails gracefully on a zip that is no action', async () => {
      const container = await fresh();
      const reply = await container.init(initBody(await zipBase64({ 'hello.txt': 'This is not an action.' })));
      assert.notEqual(reply.status, 200);
      const { stdout, stderr } = await streamsOf(container, 1);
      assert.match((stdout + stderr).toLowerCase(), /error|exited/);
      assert.match((stdout + stderr).toLowerCase(), /zipped actions must contain either package\.json or index\.js at the root\./);
    });

    it('fails when the entry point is not a function', async () => {
      const reply = await (await fresh()).init(initBody(await zipBase64({ 'index.js': 'exports.other = 1;' })));
      assert.equal(reply.status, 502);
      assert.match(reply.text, /Action entrypoint 'main' is not a function\./);
    });

    it('works in the folder of the archive', async () => {
      const code = `
        const fs = require('node:fs');
        exports.main = () => ({ text: fs.readFileSync('./test.txt', 'utf8'), same: __dirname === process.cwd() });`;
      const container = await initialised(await fresh(), await zipBase64({ 'index.js': code, 'test.txt': 'test text' }));
      assertOk(await container.run({}), { text: 'test text', same: true });
      await assertQuiet(container, 1);
    });

    it("uses the action's own packages", async () => {
      const contents = {
        'package.json': packageJson({ main: 'main.js' }),
        'main.js': `const abcxyz = require('abcxyz');\nexports.main = () => ({ message: abcxyz.getMessage() });`,
        'node_modules/abcxyz/package.json': '{"name":"abcxyz","version":"1.0.0"}',
        'node_modules/abcxyz/index.js': `exports.getMessage = () => 'hello local library';`,
      };
      const container = await initialised(await fresh(), await zipBase64(contents));
      assertOk(await container.run({}), { message: 'hello local library' });
      await assertQuiet(container, 1);
    });
  });
}
