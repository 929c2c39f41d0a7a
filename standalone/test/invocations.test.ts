import { strict as assert } from 'node:assert';
import { ServedSystem } from '../testing/served-system.ts';

const invoke = '/namespaces/_/actions';

describe('invocations through the standalone API', function () {
  this.timeout(60_000);
  let served: ServedSystem;

  before(async () => {
    served = await ServedSystem.start();
    await served.create('echo', 'function main(p) { console.log("heard", p.a); return p; }');
  });
  after(() => served.stop());

  const post = (route: string, body?: unknown): ReturnType<ServedSystem['call']> => served.call(`${invoke}/${route}`, { method: 'POST', ...(body === undefined ? {} : { body }) });

  it('answers a blocking call with the activation, without its logs', async () => {
    const { status, body, headers } = await post('echo?blocking=true', { a: 1 });
    const activation = body as Record<string, unknown>;
    assert.equal(status, 200);
    assert.equal(headers.get('x-openwhisk-activation-id'), activation['activationId']);
    assert.deepEqual(activation['response'], { result: { a: 1 }, size: 7, status: 'success', success: true });
    assert.deepEqual(activation['logs'], []);
  });

  it('says in a header how the call started and where its time went', async () => {
    const cold = (await post('echo?blocking=true&result=true')).headers.get('server-timing') ?? '';
    assert.match(cold, /^start;desc="(cold|prewarmed|warm)", wait;dur=\d+, (init;dur=\d+, )?run;dur=\d+$/);
    const warm = (await post('echo?blocking=true&result=true')).headers.get('server-timing') ?? '';
    assert.match(warm, /^start;desc="warm", wait;dur=\d+, run;dur=\d+$/);
  });

  it('gives a call\'s trace to its action, and to no other call', async () => {
    await served.create('traced', 'function main() { const { __OW_TRACEPARENT: parent, __OW_TRACESTATE: state } = process.env; return { parent, state }; }');
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const ask = async (headers: Record<string, string>): Promise<unknown> => (await served.call(`${invoke}/traced?blocking=true&result=true`, { method: 'POST', body: {}, headers })).body;
    assert.deepEqual(await ask({ traceparent, tracestate: 'vendor=1' }), { parent: traceparent, state: 'vendor=1' });
    assert.deepEqual(await ask({}), {});
    assert.deepEqual(await ask({ traceparent: 'nonsense', tracestate: 'vendor=2' }), {});
  });

  it('answers with the result alone when that is asked for', async () => {
    assert.deepEqual((await post('echo?blocking=true&result=true', { a: 2 })).body, { a: 2 });
  });

  it('takes an empty body without a content type for no parameters', async () => {
    assert.deepEqual((await post('echo?blocking=true&result=true')).body, {});
  });

  it('answers a non-blocking call with the id, whose record is there when it has ended', async () => {
    const { status, body } = await post('echo', { a: 3 });
    const { activationId } = body as { activationId: string };
    assert.equal(status, 202);
    await served.recordOf(activationId);
    const record = (await served.call(`/namespaces/_/activations/${activationId}`)).body as { logs: string[]; response: unknown };
    assert.match(record.logs.join('\n'), /stdout: heard 3$/);
    assert.deepEqual(record.response, { result: { a: 3 }, size: 7, status: 'success', success: true });
  });

  it('turns a blocking call into a non-blocking one when its timeout has passed', async () => {
    await served.create('slow', 'function main() { return new Promise((resolve) => setTimeout(() => resolve({ late: true }), 700)); }');
    const { status, body } = await post('slow?blocking=true&timeout=50', {});
    const { activationId } = body as { activationId: string };
    assert.equal(status, 202);
    await served.recordOf(activationId);
    assert.deepEqual((await served.call(`/namespaces/_/activations/${activationId}/result`)).body, { result: { late: true }, size: 13, status: 'success', success: true });
  });

  it('answers 502 with what went wrong when the action fails', async () => {
    await served.create('fails', 'function main() { return { error: "no" }; }');
    const whole = await post('fails?blocking=true', {});
    assert.equal(whole.status, 502);
    assert.deepEqual((whole.body as { response: unknown }).response, { result: { error: 'no' }, size: 14, status: 'application error', success: false });
    assert.deepEqual((await post('fails?blocking=true&result=true', {})).body, { error: 'no' });
  });

  it('merges the parameters of package, action and call, the nearer one winning', async () => {
    await served.call('/namespaces/_/packages/tools', { method: 'PUT', body: { parameters: [{ key: 'a', value: 'package' }, { key: 'b', value: 'package' }, { key: 'c', value: 'package' }] } });
    await served.create('tools/show', 'function main(p) { return p; }', { parameters: [{ key: 'b', value: 'action' }, { key: 'c', value: 'action' }] });
    assert.deepEqual((await post('tools/show?blocking=true&result=true', { c: 'call' })).body, { a: 'package', b: 'action', c: 'call' });
  });

  it('refuses a call that overrides a final parameter', async () => {
    await served.create('final', 'function main(p) { return p; }', { parameters: [{ key: 'fixed', value: 1 }], annotations: [{ key: 'final', value: true }] });
    const { status, body } = await post('final?blocking=true', { fixed: 2 });
    assert.equal(status, 400);
    assert.equal((body as { error: string }).error, 'Request defines parameters that are not allowed (e.g., reserved properties).');
  });

  it('answers with a result that no acknowledgement could carry', async () => {
    await served.create('large', 'function main() { return { text: "x".repeat(1024 * 1024 - 200) }; }');
    const { status, body } = await post('large?blocking=true&result=true', {});
    assert.equal(status, 200);
    assert.equal((body as { text: string }).text.length, 1024 * 1024 - 200);
  });

  it('runs the new code of an action that was deleted and made again under the same version', async () => {
    await served.create('again', 'function main() { return { code: 1 }; }');
    assert.deepEqual((await post('again?blocking=true&result=true')).body, { code: 1 });
    await served.call(`${invoke}/again`, { method: 'DELETE' });
    assert.equal((await post('again?blocking=true')).status, 404);
    await served.create('again', 'function main() { return { code: 2 }; }');
    assert.deepEqual((await post('again?blocking=true&result=true')).body, { code: 2 });
  });
});
