// The npm package `openwhisk`, unchanged, against a standalone server: every call that it has for actions, packages,
// activations and namespaces, from outside and out of an action.
import { strict as assert } from 'node:assert';
import openwhisk from 'openwhisk';
import { guestKey } from '../namespaces.ts';
import { ServedSystem } from '../testing/served-system.ts';
import { zipOf } from '../../invoker-plugin/testing/zip-of.ts';

describe('the openwhisk client for JavaScript', function () {
  this.timeout(60_000);
  let served: ServedSystem;
  let client: openwhisk.Client;

  before(async () => {
    served = await ServedSystem.start();
    client = openwhisk({ apihost: served.address, api_key: guestKey });
  });
  after(() => served.stop());

  it('creates, updates, gets, lists and deletes actions', async () => {
    const created = await client.actions.create({ name: 'hello', action: 'function main() { return { version: 1 }; }', params: { a: 1 }, annotations: { note: 'x' }, limits: { timeout: 10_000 } });
    assert.equal(created.version, '0.0.1');
    await assert.rejects(client.actions.create({ name: 'hello', action: 'function main() {}' }), (error: { statusCode: number; message: string }) => error.statusCode === 409 && error.message.includes('resource already exists'));
    const updated = await client.actions.update({ name: 'hello', action: 'function main(p) { return { version: 2, a: p.a }; }' });
    assert.equal(updated.version, '0.0.2');
    const got = (await client.actions.get({ name: 'hello' })) as unknown as { parameters: unknown; limits: { timeout: number } };
    assert.deepEqual([got.parameters, got.limits.timeout], [[{ key: 'a', value: 1 }], 10_000]);
    assert.ok((await client.actions.list({ limit: 10, skip: 0 })).some(({ name }) => name === 'hello'));
    assert.deepEqual(await client.actions.invoke({ name: 'hello', blocking: true, result: true }), { version: 2, a: 1 });
    await client.actions.delete('hello');
    await assert.rejects(client.actions.get('hello'), (error: { statusCode: number }) => error.statusCode === 404);
  });

  it('creates an action out of a zip', async () => {
    const zip = await zipOf({ 'package.json': '{"main":"index.js"}', 'index.js': 'exports.run = (p) => ({ zipped: p.x });' });
    await client.actions.create({ name: 'zip', action: { exec: { kind: 'nodejs:instainfer', code: zip.toString('base64'), main: 'run' } } as never });
    assert.deepEqual(await client.actions.invoke({ name: 'zip', blocking: true, result: true, params: { x: 7 } }), { zipped: 7 });
  });

  it('invokes without waiting, and reads the activation, its logs and its result', async () => {
    await client.actions.create({ name: 'logs', action: 'function main(p) { console.log("a line"); console.error("another"); return { got: p.x }; }' });
    const { activationId } = await client.actions.invoke({ name: 'logs', params: { x: 1 } });
    await served.recordOf(activationId);
    const activation = await client.activations.get({ name: activationId });
    assert.equal(activation.response?.success, true);
    assert.deepEqual((await client.activations.logs({ name: activationId })).logs?.map((line) => line.replace(/^\S+\s+/, '')).sort(), ['stderr: another', 'stdout: a line']);
    assert.deepEqual((await client.activations.result({ name: activationId }) as unknown as { result: unknown }).result, { got: 1 });
    const list = await client.activations.list({ name: 'logs', limit: 1 } as never);
    assert.deepEqual(list.map((entry) => entry.activationId), [activationId]);
  });

  it('takes an invocation by name alone, and reports the error of an action', async () => {
    await client.actions.create({ name: 'fails', action: 'function main() { throw new Error("broken"); }' });
    assert.match((await client.actions.invoke('logs')).activationId, /^[0-9a-f]{32}$/);
    await assert.rejects(client.actions.invoke({ name: 'fails', blocking: true }), (error: { statusCode: number; message: string }) => {
      assert.equal(error.statusCode, 502);
      assert.match(error.message, /broken|An error has occurred/);
      return true;
    });
  });

  it('creates, gets, lists, updates and deletes packages', async () => {
    await client.packages.create({ name: 'pack', package: { parameters: [{ key: 'a', value: 1 }] } });
    await client.actions.create({ name: 'pack/inner', action: 'function main(p) { return p; }' });
    const got = (await client.packages.get({ name: 'pack' })) as unknown as { actions: { name: string }[] };
    assert.deepEqual(got.actions.map(({ name }) => name), ['inner']);
    await client.packages.update({ name: 'pack', package: { parameters: [{ key: 'a', value: 2 }] } });
    assert.deepEqual(await client.actions.invoke({ name: 'pack/inner', blocking: true, result: true }), { a: 2 });
    assert.ok((await client.packages.list()).some(({ name }) => name === 'pack'));
    await client.actions.delete('pack/inner');
    await client.packages.delete({ name: 'pack' });
  });

  it('lists namespaces, and says that there are no triggers and rules', async () => {
    assert.deepEqual(await client.namespaces.list(), ['guest']);
    assert.deepEqual(await client.triggers.list(), []);
    assert.deepEqual(await client.rules.list(), []);
    await assert.rejects(client.triggers.create({ name: 't' }), (error: { statusCode: number; message: string }) => error.statusCode === 501 && error.message.includes('not supported here'));
  });
});
