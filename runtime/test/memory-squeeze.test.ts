// A container with a real memory limit, artifacts in it, more of them being loaded, and an action that allocates what it
// may: the kernel must never have to kill. `SQUEEZE_ROUNDS` and `SQUEEZE_SEED` ask for a longer or for another course.
import { strict as assert } from 'node:assert';
import { createRandom, type Random } from '../../common/random.ts';
import { assertExtensionError, DrivenRuntime } from '../testing/driven-runtime.ts';
import { MemoryGroup } from '../testing/memory-group.ts';
import type { Reply } from '../testing/runtime-process.ts';

const megabyte = 2 ** 20;
const limitBytes = 256 * megabyte;
const rounds = Number(process.env['SQUEEZE_ROUNDS'] ?? 30);
const seed = Number(process.env['SQUEEZE_SEED'] ?? 1);

/**
 * What an action may allocate of 256 MB: the rest are the proxy, the process it runs in, and the kernel's tables for both
 * (75 MB together, most of it Node.js twice), and room for a sample or two to be late.
 */
const maxAllocatedBytes = 150 * megabyte;

/** Allocates and touches memory in pieces, at once or with turns of the event loop between, and gives it back. */
const greedyCode = `
  const collectGarbage = (() => { require('node:v8').setFlagsFromString('--expose-gc'); return require('node:vm').runInNewContext('gc'); })();
  async function main({ bytes, pieceBytes, inTurns }) {
    collectGarbage();
    const pieces = [];
    for (let held = 0; held < bytes; held += pieceBytes) {
      pieces.push(Buffer.alloc(pieceBytes, 1));
      if (inTurns) await new Promise(setImmediate);
    }
    return { pieces: pieces.length };
  }`;

const models = ['one', 'two', 'three', 'heavy'];

describe('a container at its memory limit', function () {
  this.timeout(120_000 + rounds * 5000);
  let group: MemoryGroup;
  let driven: DrivenRuntime;

  before(async function () {
    const made = MemoryGroup.make(limitBytes);
    if (typeof made === 'string') {
      console.log(`      skipped: ${made}`);
      this.skip();
    }
    group = made;
    driven = await DrivenRuntime.start({}, 8 * megabyte, group.enterCommand);
  });
  after(async () => {
    await (driven as DrivenRuntime | undefined)?.stop();
    await (group as MemoryGroup | undefined)?.remove();
  });

  it('knows its limit and what it uses from its control group', async () => {
    await driven.blankSlot();
    const { memory } = await driven.status();
    assert.ok(memory.limitBytes <= limitBytes, `${memory.limitBytes} bytes`);
    assert.ok(Math.abs(memory.usedBytes - group.usedBytes) < 16 * megabyte, `it says ${memory.usedBytes}, the kernel ${group.usedBytes}`);
  });

  it(`never has a process killed by the kernel, and answers every activation: ${rounds} rounds, seed ${seed}`, async () => {
    const random = createRandom(seed);
    const outcomes: Record<string, number> = {};
    for (let round = 0; round < rounds; round++) {
      for (const outcome of await squeeze(driven, random)) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      assert.equal(group.oomKills, 0, `round ${round} with seed ${seed}: the kernel has killed`);
    }
    // A course in which nothing was loaded, or nothing ever gave way, would prove nothing.
    if (rounds >= 10) {
      assert.ok((outcomes['loaded'] ?? 0) > 0, JSON.stringify(outcomes));
      assert.ok((outcomes['gave way'] ?? 0) > 0, JSON.stringify(outcomes));
    }
    if (rounds > 30) console.log(`      ${JSON.stringify(outcomes)}`);
  });

  it('survives an action that takes more than there is: that activation fails and says why', async () => {
    await driven.reset();
    await driven.initialised('greedy', greedyCode);
    const reply = await driven.run({ bytes: 2 * limitBytes, pieceBytes: megabyte, inTurns: false });
    assert.deepEqual([reply.status, reply.json], [502, { error: 'The action exhausted its memory and was aborted.' }]);
    assert.ok(group.oomKills > 0);
    assert.equal((await driven.status()).state, 'stopped');
    await driven.reset();
    await driven.initialised('greedy', greedyCode);
    assert.deepEqual(await driven.result({ bytes: megabyte, pieceBytes: megabyte, inTurns: false }), { pieces: 1 });
  });
});

/** One round: some loads, an action initialised among them, and some activations; what has become of each. */
async function squeeze(driven: DrivenRuntime, random: Random): Promise<string[]> {
  const chance = (probability: number): boolean => random.uniform() < probability;
  const outcomes: string[] = [];
  const load = async (): Promise<void> => {
    const reply = await driven.load(random.pick(models));
    outcomes.push(outcomeOfLoad(reply));
  };
  if (chance(0.3)) await driven.reset();
  else if (chance(0.5)) assert.equal((await driven.clean(chance(0.5))).status, 200);
  const ahead = Array.from({ length: Math.floor(random.uniform() * 5) }, load);
  if (chance(0.7)) await Promise.all(ahead);
  const initialised = await driven.init('greedy', greedyCode);
  // 403: it is initialised since the last round.
  assert.ok(initialised.status === 200 || initialised.status === 403, initialised.text);
  const residentBefore = Object.keys(await driven.slotStates()).length;
  const runs = 1 + Math.floor(random.uniform() * 3);
  for (let run = 0; run < runs; run++) {
    if (chance(0.5)) ahead.push(load());
    const pieceBytes = megabyte * (1 + Math.floor(random.uniform() * 16));
    const bytes = Math.floor(random.uniform() * (maxAllocatedBytes / pieceBytes)) * pieceBytes;
    assert.deepEqual(await driven.result({ bytes, pieceBytes, inTurns: chance(0.3) }), { pieces: bytes / pieceBytes });
    outcomes.push('ran');
  }
  await Promise.all(ahead);
  if (Object.keys(await driven.slotStates()).length < residentBefore) outcomes.push('gave way');
  return outcomes;
}

/** A load is done, refused or given up for a reason; nothing else. */
function outcomeOfLoad(reply: Reply): string {
  if (reply.status === 200) return 'loaded';
  if (reply.status === 507) return `not loaded: ${assertExtensionError(reply, 507, 'memory').code}`;
  const { code } = reply.json as { code: 'busy' | 'cancelled' };
  assert.ok(code === 'busy' || code === 'cancelled', reply.text);
  return `not loaded: ${assertExtensionError(reply, 409, code).code}`;
}
