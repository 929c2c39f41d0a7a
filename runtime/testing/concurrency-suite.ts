// Overlapping activations: allowed with `__OW_ALLOW_CONCURRENT`, refused without, as OpenWhisk's NodeJsConcurrentTests
// and NodeJsNonConcurrentTests do.
import { strict as assert } from 'node:assert';
import { assertOk, initialised, runBody, streamsOf, type ContainerFactory } from './conformance.ts';

/** Each call waits until all of them are there. */
const gatherCode = (count: number): string => `
  const waiting = [];
  function main(args) {
    console.log('interleave me');
    return new Promise((resolve) => {
      waiting.push(() => resolve({ args }));
      if (waiting.length === ${count}) for (const release of waiting) release();
    });
  }`;

export function describeConcurrencyContract(fresh: ContainerFactory): void {
  describe('overlapping activations', () => {
    it('run together when the container allows it', async () => {
      const count = 128;
      const container = await initialised(await fresh({ __OW_ALLOW_CONCURRENT: 'true' }), gatherCode(count));
      const replies = await Promise.all(Array.from({ length: count }, (_, index) => container.run(runBody({ [`arg${index}`]: index }))));
      for (const [index, reply] of replies.entries()) assertOk(reply, { args: { [`arg${index}`]: index } });
      const { stdout, stderr } = await streamsOf(container, count);
      assert.equal(stdout, Array.from({ length: count }, () => 'interleave me').join('\n'));
      assert.equal(stderr, '');
    });

    it('are refused when it does not', async () => {
      const code = `function main(args) { console.log('no concurrency'); return new Promise((resolve) => setTimeout(() => resolve({ args }), 500)); }`;
      const container = await initialised(await fresh(), code);
      const replies = await Promise.all([container.run(runBody({ a: 'A' })), container.run(runBody({ a: 'A' }))]);
      const byStatus = replies.map(({ status, json }) => ({ status, json })).sort((one, other) => one.status - other.status);
      assert.deepEqual(byStatus, [
        { status: 200, json: { args: { a: 'A' } } },
        { status: 403, json: { error: 'System not ready, status is running.' } },
      ]);
      const { stdout, stderr } = await streamsOf(container, 1);
      assert.equal(stdout, 'no concurrency');
      assert.equal(stderr, 'Internal system error: System not ready, status is running.');
    });
  });
}
