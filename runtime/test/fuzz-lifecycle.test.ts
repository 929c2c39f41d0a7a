// Calls of the life cycle in any order, held against a small model of which answers are legal when: one after the other
// exactly, and overlapping within what some order of them would give.
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { eventually } from '../../common/testing/eventually.ts';
import { DrivenRuntime, slotOf } from '../testing/driven-runtime.ts';
import { type Reply } from '../testing/runtime-process.ts';

const factor = Number(process.env['FUZZ_RUNS'] ?? 1);
const seed = Number(process.env['FUZZ_SEED'] ?? 1);

/** One action for everything: its parameters say how it ends. */
const code = `function main({ how }) {
  if (how === 'throws') throw new Error('thrown');
  if (how === 'rejects') return Promise.reject({ code: 1 });
  if (how === 'exits') process.exit(1);
  return how === 'text' ? 'text' : { how };
}`;
const statusOfRun = { returns: 200, throws: 502, rejects: 200, exits: 502, text: 502 } as const;
const actions = ['one', 'two'] as const;
const codes = { sound: code, broken: 'this is no JavaScript', missing: '' } as const;

type Call =
  | { readonly call: 'init'; readonly action: (typeof actions)[number]; readonly code: keyof typeof codes }
  | { readonly call: 'run'; readonly how: keyof typeof statusOfRun }
  | { readonly call: 'load'; readonly model: 'one' | 'two' | 'no-such' }
  | { readonly call: 'offload'; readonly action: (typeof actions)[number] | 'all' }
  | { readonly call: 'clean'; readonly retain: boolean }
  | { readonly call: 'status' };

const anyCall: fc.Arbitrary<Call> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ call: fc.constant('init' as const), action: fc.constantFrom(...actions), code: fc.constantFrom('sound', 'sound', 'sound', 'broken', 'missing') }) },
  { weight: 4, arbitrary: fc.record({ call: fc.constant('run' as const), how: fc.constantFrom('returns', 'returns', 'throws', 'rejects', 'exits', 'text') }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('load' as const), model: fc.constantFrom('one', 'two', 'no-such') }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('offload' as const), action: fc.constantFrom(...actions, 'all') }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant('clean' as const), retain: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ call: fc.constant('status' as const) }) },
);

interface Model {
  state: 'stem' | 'initialised' | 'stopped';
  action: string | undefined;
}

/** The status that this call has to have now, and what it changes. */
function expected(model: Model, call: Call): number {
  switch (call.call) {
    case 'init': {
      if (model.state !== 'stem' || call.code === 'missing') return 403;
      const isSound = call.code === 'sound';
      Object.assign(model, isSound ? { state: 'initialised', action: call.action } : { state: 'stopped', action: undefined });
      return isSound ? 200 : 502;
    }
    case 'run':
      if (model.state !== 'initialised') return 403;
      if (call.how === 'exits') Object.assign(model, { state: 'stopped', action: undefined });
      return statusOfRun[call.how];
    case 'load':
      return call.model === 'no-such' ? 422 : 200;
    case 'offload':
      return call.action !== 'all' && call.action === model.action ? 409 : 200;
    case 'clean':
      Object.assign(model, { state: 'stem', action: undefined });
      return 200;
    case 'status':
      return 200;
  }
}

/** What overlapping calls may get besides: another one is under way, has taken the container, or has just ended it. */
const legalTogether: Record<Call['call'], readonly number[]> = {
  init: [200, 403, 502],
  run: [200, 403, 502, 503],
  load: [200, 409, 422],
  offload: [200, 409],
  clean: [200, 409],
  status: [200],
};

describe('the life cycle, called in any order', function () {
  this.timeout(240_000 * Math.max(1, factor));
  let driven: DrivenRuntime;
  before(async () => {
    driven = await DrivenRuntime.start();
  });
  after(async () => {
    assert.equal(await driven.stop(), 0);
  });

  const perform = (call: Call): Promise<Reply> => {
    switch (call.call) {
      case 'init':
        return driven.init(call.action, codes[call.code]);
      case 'run':
        return driven.run({ how: call.how });
      case 'load':
        return driven.load(call.model);
      case 'offload':
        return driven.runtime.call('POST', '/offload', { value: call.action === 'all' ? { all: true } : { action: `guest/${call.action}` } });
      case 'clean':
        return driven.clean(call.retain);
      case 'status':
        return driven.runtime.call('GET', '/status');
    }
  };

  it('answers as the model says, call by call, and is in the state it says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyCall, { minLength: 3, maxLength: 15 }), async (calls) => {
        await driven.reset();
        const model: Model = { state: 'stem', action: undefined };
        for (const call of calls) {
          const before = `${model.state} ${model.action ?? ''}`;
          const reply = await perform(call);
          assert.equal(reply.status, expected(model, call), `${JSON.stringify(call)} when ${before}: ${reply.text}`);
          const { state, action } = await driven.status();
          assert.deepEqual({ state, action }, { state: model.state, action: model.action === undefined ? null : `guest/${model.action}` }, JSON.stringify(call));
          assert.equal((await driven.runtime.call('GET', '/readyz')).status, state === 'stopped' ? 503 : 200);
        }
      }),
      { numRuns: Math.round(25 * factor), seed },
    );
  });

  it('answers overlapping calls legally, and comes to rest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anyCall, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 }), async (rounds) => {
        await driven.reset();
        for (const calls of rounds) {
          const replies = await Promise.all(calls.map(perform));
          replies.forEach((reply, index) => {
            const call = calls[index]!;
            assert.ok(legalTogether[call.call].includes(reply.status), `${JSON.stringify(call)}: ${reply.status} ${reply.text}`);
          });
          await eventually(async () => ['stem', 'initialised', 'stopped'].includes((await driven.status()).state), 'it is at rest');
        }
      }),
      { numRuns: Math.round(25 * factor), seed },
    );
    await driven.reset();
    assert.notEqual(slotOf(await driven.init('one', code)), 'none');
    assert.deepEqual(await driven.result({ how: 'returns' }), { how: 'returns' });
  });
});
