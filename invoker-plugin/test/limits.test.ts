import { strict as assert } from 'node:assert';
import type { ActionDocument } from '../../common/action-document.ts';
import { isKindOf, mostActivationsInHand } from '../activation-intake.ts';
import { limitViolation, maxResponseBytesOf } from '../limits.ts';

const action = { limits: { timeoutMs: 60_000, memoryMegabytes: 512, logsMegabytes: 10, concurrency: 1 } } as ActionDocument;

describe('limits', () => {
  for (const [limits, text] of [
    [{}, undefined],
    [{ maxActionMemory: 512, minActionMemory: 128, maxActionTimeout: 60_000 }, undefined],
    [{ maxActionMemory: 256 }, 'memory size 512 MB exceeds allowed threshold of 256 MB'],
    [{ minActionMemory: 1024 }, 'memory size 512 MB below allowed threshold of 1024 MB'],
    [{ maxActionTimeout: 1000 }, 'duration 60000 milliseconds exceeds allowed threshold of 1000 milliseconds'],
    [{ maxActionLogs: 5 }, 'log size 10 MB exceeds allowed threshold of 5 MB'],
    [{ minActionConcurrency: 2 }, 'concurrency 1 below allowed threshold of 2'],
    [{ maxActionMemory: 'nonsense' }, undefined],
  ] as const) {
    it(`of ${JSON.stringify(limits)}: ${text ?? 'allowed'}`, () => {
      assert.equal(limitViolation(action, limits), text);
    });
  }

  it('of a response are the namespace\'s where those are less', () => {
    assert.equal(maxResponseBytesOf({ maxPayloadSize: '512 KB' }, 2 ** 20), 2 ** 19);
    assert.equal(maxResponseBytesOf({ maxPayloadSize: '5 MB' }, 2 ** 20), 2 ** 20);
    assert.equal(maxResponseBytesOf({}, 2 ** 20), 2 ** 20);
  });

  it('on what is in hand follow the stock invoker\'s formula', () => {
    assert.equal(mostActivationsInHand(2 ** 31), 16);
    assert.equal(mostActivationsInHand(2 ** 31, 200), 1600);
    assert.equal(mostActivationsInHand(64 * 2 ** 20), 1);
  });

  it('on kinds are whole kinds or families', () => {
    assert.ok(isKindOf('nodejs:20', ['nodejs:*']));
    assert.ok(!isKindOf('nodejsx:20', ['nodejs:*']));
    assert.ok(!isKindOf('nodejs:20', ['nodejs:instainfer']));
  });
});
