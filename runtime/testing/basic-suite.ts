// The behaviour OpenWhisk asks of every runtime, as its BasicActionRunnerTests do.
import { strict as assert } from 'node:assert';
import { assertOk, assertQuiet, initBody, initialised, runBody, streamsOf, type ContainerFactory } from './conformance.ts';

export function describeBasicContract(fresh: ContainerFactory): void {
  describe('every OpenWhisk runtime', () => {
    it('refuses to initialise without code', async () => {
      const reply = await (await fresh()).init(initBody('', { main: '' }));
      assert.notEqual(reply.status, 200);
    });

    it('refuses an init without content, and says what is missing', async () => {
      const reply = await (await fresh()).init({});
      assert.notEqual(reply.status, 200);
      assert.equal(reply.text, '{"error":"Missing main/no code to execute."}');
    });

    it('reports a result that is no dictionary', async () => {
      const container = await initialised(await fresh(), 'function main(args) { return "not a json object"; }');
      const reply = await container.run({});
      assert.notEqual(reply.status, 200);
      assert.equal(reply.text, '{"error":"The action did not return a dictionary."}');
      assert.equal((await streamsOf(container, 1)).stdout, '');
    });

    it('refuses to initialise a second time, also on the log', async () => {
      const code = 'function main(args) { return args; }';
      const container = await initialised(await fresh(), code);
      const reply = await container.init(initBody(code));
      assert.notEqual(reply.status, 200);
      assert.equal(reply.text, '{"error":"Cannot initialize the action more than once."}');
      const { stdout, stderr } = await streamsOf(container, 0);
      assert.match(stdout + stderr, /Cannot initialize the action more than once\./);
    });

    it('calls a non-standard entry point', async () => {
      const container = await initialised(await fresh(), 'function niam(args) { return args; }', { main: 'niam' });
      assertOk(await container.run(runBody({ string: 'hello' })), { string: 'hello' });
      await assertQuiet(container, 1);
    });

    it('echoes arguments and passes on what is printed on both streams', async () => {
      const container = await initialised(await fresh(), 'function main(args) { console.log("hello stdout"); console.error("hello stderr"); return args; }');
      const values = [{ string: 'hello' }, { string: '❄ ☃ ❄' }, { numbers: [42, 1] }, { object: { a: 'A' } }];
      for (const value of values) assertOk(await container.run(runBody(value)), value);
      const { stdout, stderr } = await streamsOf(container, values.length);
      assert.match(stdout, /hello stdout/);
      assert.match(stderr, /hello stderr/);
    });

    it('handles unicode in source, parameters, logs and result', async () => {
      const container = await initialised(
        await fresh(),
        'function main(args) { const str = args.delimiter + " ☃ " + args.delimiter; console.log(str); return { winter: str }; }',
      );
      assertOk(await container.run(runBody({ delimiter: '❄' })), { winter: '❄ ☃ ❄' });
      assert.match((await streamsOf(container, 1)).stdout, /❄ ☃ ❄/);
    });

    it('exports the init environment before the code is evaluated', async () => {
      const code = 'const { SOME_VAR, ANOTHER_VAR } = process.env; function main() { return { SOME_VAR, ANOTHER_VAR }; }';
      const container = await initialised(await fresh(), code, { env: { SOME_VAR: 'xyz', ANOTHER_VAR: '' } });
      assertOk(await container.run({}), { SOME_VAR: 'xyz', ANOTHER_VAR: '' });
    });

    it('shows the activation its context in the environment', async () => {
      const context = { api_key: 'abc', namespace: 'zzz', action_name: 'xxx', action_version: 'vvv', activation_id: 'iii', deadline: '123' };
      const names = Object.keys(context).map((key) => `__OW_${key.toUpperCase()}`);
      const code = `function main() { return Object.fromEntries(${JSON.stringify(['__OW_API_HOST', ...names])}.map((name) => [name, process.env[name]])); }`;
      const container = await initialised(await fresh({ __OW_API_HOST: 'xyz' }), code);
      assertOk(await container.run(runBody({}, context)), {
        __OW_API_HOST: 'xyz',
        ...Object.fromEntries(Object.entries(context).map(([key, value]) => [`__OW_${key.toUpperCase()}`, value])),
      });
      await assertQuiet(container, 1);
    });

    it('echoes a large input in compact JSON', async () => {
      const value = { arg: 'a'.repeat(1_048_561) };
      const container = await initialised(await fresh(), 'function main(args) { return args; }');
      const reply = await container.run(runBody(value));
      assertOk(reply, value);
      assert.ok(reply.text.length <= 1_048_576, `${reply.text.length} characters`);
    });
  });
}
