import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { Limiter } from '../drivers/limiter.ts';

describe('a limiter', () => {
  it('never runs more tasks than its limit, and runs all of them, failed ones included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(fc.record({ turns: fc.nat(5), fails: fc.boolean() })), async (limit, tasks) => {
        const limiter = new Limiter(limit);
        let running = 0;
        let most = 0;
        const results = await Promise.allSettled(
          tasks.map(({ turns, fails }) =>
            limiter.run(async () => {
              running += 1;
              most = Math.max(most, running);
              for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
              running -= 1;
              if (fails) throw new Error('failed');
            }),
          ),
        );
        assert.ok(most <= limit, `${most}`);
        assert.deepEqual(
          results.map(({ status }) => status === 'rejected'),
          tasks.map(({ fails }) => fails),
        );
      }),
    );
  });
});
