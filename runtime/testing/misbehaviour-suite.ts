// What a runtime has to make of code that ends its process, forgets a rejection or floods its log. The stock runtime's
// process dies of the first three, which an invoker reads as a failed activation; a runtime may also say so itself.
import { strict as assert } from 'node:assert';
import { assertOk, initBody, initialised, runBody, streamsOf, type ContainerFactory, type FreshContainer } from './conformance.ts';

/** A failed activation, as an invoker sees it: an error status, or no answer at all. */
async function assertFails(call: Promise<{ readonly status: number }>): Promise<void> {
  const status = await call.then(
    (reply) => reply.status,
    () => 'no answer',
  );
  assert.notEqual(status, 200);
}

/** No later call may find the container as if nothing had happened. */
async function assertUnusable(container: FreshContainer): Promise<void> {
  await assertFails(container.run(runBody({ again: true })));
}

const deadly = [
  { title: 'ends its process', statement: 'process.exit(0);' },
  { title: 'throws where nobody catches it', statement: 'setImmediate(() => { throw new Error("late"); });' },
  { title: 'forgets a rejected promise', statement: 'void Promise.reject(new Error("forgotten"));' },
  { title: 'is killed', statement: 'process.kill(process.pid, "SIGKILL");' },
];

export function describeMisbehaviour(fresh: ContainerFactory): void {
  describe('a runtime with an action that misbehaves', () => {
    for (const { title, statement } of deadly) {
      it(`reports a run that ${title} as failed, and does not run it again`, async () => {
        const container = await initialised(await fresh(), `function main(args) { if (args.again) return args; ${statement} return new Promise(() => {}); }`);
        await assertFails(container.run(runBody({})));
        await assertUnusable(container);
      });
    }

    it('reports an init that ends the process as failed', async () => {
      const container = await fresh();
      await assertFails(container.init(initBody('process.exit(0); function main() { return {}; }')));
      await assertUnusable(container);
    });

    it('passes on a log of a megabyte on each stream, whole and before its end marker', async () => {
      const lineCount = 20_000;
      const code = `function main() { for (let i = 0; i < ${lineCount}; i += 1) { console.log('out ' + String(i).padStart(44, '.')); console.error('err ' + String(i).padStart(44, '.')); } return { done: true }; }`;
      const container = await initialised(await fresh(), code);
      assertOk(await container.run(runBody({})), { done: true });
      const { stdout, stderr } = await streamsOf(container, 1);
      for (const text of [stdout, stderr]) {
        const lines = text.split('\n');
        assert.equal(lines.length, lineCount);
        assert.match(lines.at(-1) ?? '', new RegExp(`\\.${lineCount - 1}$`));
      }
    });
  });
}
