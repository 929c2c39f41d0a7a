// The behaviour OpenWhisk asks of its Node.js runtimes with source actions, as its NodeJsActionContainerTests do.
import { strict as assert } from 'node:assert';
import { assertOk, assertQuiet, errorTextOf, initBody, initialised, runBody, streamsOf, type ContainerFactory } from './conformance.ts';

export function describeNodejsContract(fresh: ContainerFactory): void {
  describe('a Node.js runtime with source actions', () => {
    it('fails to initialise with bad code, and shows the syntax error on the log', async () => {
      const container = await fresh();
      const reply = await container.init(initBody('10 PRINT "Hello world!"\n20 GOTO 10'));
      assert.notEqual(reply.status, 200);
      const { stdout, stderr } = await streamsOf(container, 1);
      assert.match(stdout + stderr, /error/i);
      assert.match(stdout + stderr, /syntax/i);
    });

    it('fails to initialise with no code', async () => {
      const reply = await (await fresh()).init(initBody(''));
      assert.notEqual(reply.status, 200);
      assert.match(errorTextOf(reply), /no code to execute/);
    });

    it('returns what the action throws', async () => {
      const container = await initialised(await fresh(), 'function main() { throw "nooooo" }');
      const reply = await container.run(runBody({}));
      assert.notEqual(reply.status, 200);
      assert.match(errorTextOf(reply), /nooooo/);
      await streamsOf(container, 1);
    });

    it('takes an application error for a result', async () => {
      const container = await initialised(await fresh(), 'function main() { return { error: "sorry" } }');
      assertOk(await container.run(runBody({})), { error: 'sorry' });
    });

    it('runs the first example of the documentation', async () => {
      const code = `
        function main(params) {
          if (params.payload == 0) { return; }
          else if (params.payload == 1) { return { payload: 'Hello, World!' }; }
          else if (params.payload == 2) { return { error: 'payload must be 0 or 1' }; }
        }`;
      const container = await initialised(await fresh(), code);
      assertOk(await container.run(runBody({ payload: 0 })), {});
      assertOk(await container.run(runBody({ payload: 1 })), { payload: 'Hello, World!' });
      assertOk(await container.run(runBody({ payload: 2 })), { error: 'payload must be 0 or 1' });
      await assertQuiet(container, 3);
    });

    it('runs the second example of the documentation: synchronous and with a promise', async () => {
      const code = `
        function main(params) {
          if (params.payload) return { done: true };
          return new Promise((resolve) => setTimeout(() => resolve({ done: true }), 100));
        }`;
      const container = await initialised(await fresh(), code);
      assertOk(await container.run(runBody({})), { done: true });
      assertOk(await container.run(runBody({ payload: true })), { done: true });
      await assertQuiet(container, 2);
    });

    it('supports variables without declaration', async () => {
      const container = await initialised(await fresh(), `function main(params) { greeting = 'hello, ' + params.name + '!'; console.log(greeting); return { payload: greeting } }`);
      assertOk(await container.run(runBody({ name: 'test' })), { payload: 'hello, test!' });
      assert.deepEqual(await streamsOf(container, 1), { stdout: 'hello, test!', stderr: '' });
    });

    it('supports webpacked functions', async () => {
      const container = await initialised(await fresh(), 'function foo() { return { bar: true }; }\nglobal.main = foo;');
      assertOk(await container.run({}), { bar: true });
      await assertQuiet(container, 1);
    });

    for (const target of ['exports.main', 'module.exports.main']) {
      it(`supports ${target} for single files`, async () => {
        const container = await initialised(await fresh(), `${target} = (params) => params;`);
        assertOk(await container.run(runBody({ bar: true })), { bar: true });
        await assertQuiet(container, 1);
      });
    }

    it('fails the run that requires a package which is not there', async () => {
      const container = await initialised(await fresh(), `function main() { require('fubarlib-that-is-not-there'); }`);
      const reply = await container.run(runBody({}));
      assert.notEqual(reply.status, 200);
      const { stdout, stderr } = await streamsOf(container, 1);
      assert.match(stdout + stderr, /[Ee]rror/);
    });

    it("has OpenWhisk's own client, without a warning on the log", async () => {
      const code = `
        const openwhisk = require('openwhisk');
        function main() {
          const client = openwhisk({ apihost: 'api.example', api_key: 'id:key' });
          return { actions: typeof client.actions.invoke, triggers: typeof client.triggers.invoke };
        }`;
      const container = await initialised(await fresh(), code);
      assertOk(await container.run(runBody({})), { actions: 'function', triggers: 'function' });
      await assertQuiet(container, 1);
    });

    it('supports resolved promises', async () => {
      const container = await initialised(await fresh(), 'function main() { return new Promise((resolve) => setTimeout(() => resolve({ done: true }), 100)); }');
      assertOk(await container.run(runBody({})), { done: true });
      await assertQuiet(container, 1);
    });

    it('takes a rejected promise for an application error', async () => {
      const container = await initialised(await fresh(), 'function main() { return new Promise((_, reject) => setTimeout(() => reject({ done: true }), 100)); }');
      assertOk(await container.run(runBody({})), { error: { done: true } });
      await assertQuiet(container, 1);
    });

    it('takes a promise rejected without a message for an application error', async () => {
      const container = await initialised(await fresh(), 'function main() { return new Promise((_, reject) => reject()); }');
      assertOk(await container.run(runBody({})), { error: {} });
      await assertQuiet(container, 1);
    });

    it('supports actions of half a megabyte of source', async () => {
      const thought = '    // The quick brown fox jumps over the lazy dog, again and again.\n';
      const code = `function main(params) {\n${thought.repeat(Math.ceil(500_000 / thought.length))}    return params;\n}`;
      const container = await initialised(await fresh(), code);
      assertOk(await container.run(runBody({ hello: true })), { hello: true });
      await assertQuiet(container, 1);
    });

    it('supports default parameters', async () => {
      const container = await initialised(await fresh(), 'function main({ name = "World", place = "Earth" } = {}) { return { greeting: name + " " + place }; }');
      assertOk(await container.run(runBody({})), { greeting: 'World Earth' });
      await assertQuiet(container, 1);
    });

    it('supports async and await', async () => {
      const code = `
        const fs = require('node:fs');
        const { promisify } = require('node:util');
        async function main() { return await promisify(fs.lstat)('/etc/passwd'); }`;
      const container = await initialised(await fresh(), code);
      const reply = await container.run(runBody({}));
      assert.equal(reply.status, 200);
      assert.ok('uid' in (reply.json as object));
    });

    it('supports errors thrown from async functions', async () => {
      const container = await initialised(await fresh(), 'async function main() { const e = await a; }');
      const reply = await container.run(runBody({}));
      assert.equal(reply.status, 200);
      assert.match(errorTextOf(reply).toLowerCase(), /referenceerror: a is not defined/);
    });

    it('supports errors the user throws from async functions', async () => {
      const container = await initialised(await fresh(), 'async function main() { throw new Error("app error"); }');
      const reply = await container.run(runBody({}));
      assert.equal(reply.status, 200);
      assert.match(errorTextOf(reply).toLowerCase(), /error: app error/);
    });

    it('takes null, nothing and an empty body for no parameters', async () => {
      const container = await initialised(await fresh(), 'function main(args) { return args; }');
      for (const body of [runBody(null), {}, '']) assertOk(await container.run(body), {});
    });

    it('takes and gives arrays', async () => {
      const container = await initialised(await fresh(), 'function main(args) { return args; }');
      assertOk(await container.run(runBody(['a', 'b'])), ['a', 'b']);
    });

    it('refuses to run what has not been initialised', async () => {
      const reply = await (await fresh()).run(runBody({}));
      assert.deepEqual([reply.status, reply.json], [403, { error: 'System not initialized.' }]);
    });

    it('refuses parameters that are no dictionary, and stays usable', async () => {
      const container = await initialised(await fresh(), 'function main(args) { return args; }');
      const reply = await container.run(runBody('text'));
      assert.deepEqual([reply.status, reply.json], [403, { error: "Internal system error: the argument must be a dictionary but has type 'string'." }]);
      assertOk(await container.run(runBody({ a: 1 })), { a: 1 });
    });

    for (const body of ['{"value":', '"text"', '5', 'null']) {
      it(`refuses the run body ${body}`, async () => {
        const container = await initialised(await fresh(), 'function main(args) { return args; }');
        const reply = await container.run(body);
        assert.deepEqual([reply.status, reply.json], [500, { error: 'Bad request.' }]);
        await assertQuiet(container, 0);
      });
    }
  });
}
