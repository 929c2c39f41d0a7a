import { strict as assert } from 'node:assert';
import { interpretInit, interpretRun, leavesContainerUsable } from '../activation-result.ts';
import type { NoReply, RuntimeReply } from '../runtime-client.ts';

const limits = { timeoutMs: 60_000, maxResponseBytes: 100 };
const reply = (status: number, body: string): RuntimeReply => ({ status, body, bytes: body.length, truncated: false, tookMs: 1, phasesMs: {} });
const none = (failure: NoReply['failure']): NoReply => ({ failure, message: failure, tookMs: 1 });

describe('the answer of a run', () => {
  const rows: { title: string; given: RuntimeReply | NoReply; statusCode: number; result: unknown }[] = [
    { title: 'an object is a success', given: reply(200, '{"a":1}'), statusCode: 0, result: { a: 1 } },
    { title: 'an array is a success', given: reply(200, '[1]'), statusCode: 0, result: [1] },
    { title: 'an object with an error is an application error, its other fields dropped', given: reply(200, '{"error":"x","b":1}'), statusCode: 1, result: { error: 'x' } },
    { title: 'a failed status with an error is a developer error', given: reply(502, '{"error":{"m":1}}'), statusCode: 2, result: { error: { m: 1 } } },
    {
      title: 'a failed status without an error is a developer error',
      given: reply(502, '{"b":1}'),
      statusCode: 2,
      result: { error: 'The action did not produce a valid JSON or JSON Array response: {"b":1}' },
    },
    { title: 'an empty body is a developer error', given: reply(200, ''), statusCode: 2, result: { error: 'The action did not produce a valid JSON or JSON Array response.' } },
    { title: 'null is a developer error', given: reply(200, 'null'), statusCode: 2, result: { error: 'The action did not produce a valid JSON or JSON Array response: null' } },
    { title: 'a time-out is a developer error', given: none('timeout'), statusCode: 2, result: { error: 'The action exceeded its time limits of 60000 milliseconds.' } },
    { title: 'a lost connection is a developer error', given: none('lost'), statusCode: 2, result: { error: 'The action did not produce a valid response and exited unexpectedly.' } },
    {
      title: 'a body over the limit is an application error that shows its beginning',
      given: { ...reply(200, '{"long"'), bytes: 700, truncated: true },
      statusCode: 1,
      result: { error: 'The action produced a response that exceeded the allowed length: 700 > 100 bytes. The truncated response was: {"long"' },
    },
  ];
  for (const { title, given, statusCode, result } of rows) {
    it(title, () => {
      const response = interpretRun(given, limits);
      assert.deepEqual([response.statusCode, response.result], [statusCode, result]);
      assert.equal(leavesContainerUsable(response), statusCode < 2);
    });
  }
});

describe('the answer of an init', () => {
  const rows: { title: string; given: RuntimeReply | NoReply; result: unknown }[] = [
    { title: 'any 200 lets the run begin', given: reply(200, '{"OK":true}'), result: undefined },
    { title: 'an error of the runtime is passed on', given: reply(502, '{"error":"Initialization has failed"}'), result: { error: 'Initialization has failed' } },
    { title: 'another failure shows the body', given: reply(500, 'no'), result: { error: 'The action failed during initialization: no' } },
    { title: 'a lost connection means that the action exited', given: none('lost'), result: { error: 'The action did not initialize and exited unexpectedly.' } },
    { title: 'a time-out says so', given: none('timeout'), result: { error: 'The action exceeded its time limits of 60000 milliseconds during initialization.' } },
  ];
  for (const { title, given, result } of rows) {
    it(title, () => {
      const response = interpretInit(given, limits);
      assert.deepEqual(response?.result, result);
      if (response !== undefined) assert.equal(response.statusCode, 2);
    });
  }
});
