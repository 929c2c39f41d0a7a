import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { planInit, type SlotOwner, type SlotState, type SlotView, type WantedSlot } from '../slot-choice.ts';

const guestA: SlotOwner = { actionKey: 'guest/a@0.0.1', namespace: 'guest' };
const guestB: SlotOwner = { actionKey: 'guest/b@0.0.1', namespace: 'guest' };
const otherA: SlotOwner = { actionKey: 'guest/a@0.0.1', namespace: 'other' };
const wanted: WantedSlot = { owner: guestA, codeFingerprint: 'code' };

const slot = (id: number, state: SlotState, owner?: SlotOwner, codeFingerprint?: string): SlotView => ({ id, state, owner, codeFingerprint });

describe('the slot an init goes to', () => {
  const preference: { title: string; slots: SlotView[]; expected: object }[] = [
    {
      title: 'its own retained slot rather than a resident or a blank one',
      slots: [slot(1, 'blank'), slot(2, 'resident', guestA), slot(3, 'retained', guestA, 'code')],
      expected: { from: 'retained', id: 3 },
    },
    { title: 'its resident slot rather than a load in flight', slots: [slot(1, 'loading', guestA), slot(2, 'resident', guestA)], expected: { from: 'resident', id: 2 } },
    { title: 'the load in flight for it rather than a blank slot', slots: [slot(1, 'blank'), slot(2, 'loading', guestA)], expected: { from: 'loading', id: 2 } },
    { title: 'a blank slot rather than a new process', slots: [slot(1, 'starting'), slot(2, 'blank')], expected: { from: 'blank', id: 2 } },
    { title: 'a blank slot that is still starting', slots: [slot(1, 'starting')], expected: { from: 'spawned', id: 1 } },
    { title: 'a new process where there is nothing else', slots: [], expected: { from: 'spawned', id: undefined } },
    { title: 'no slot of the same action for another namespace', slots: [slot(1, 'resident', otherA)], expected: { from: 'spawned', id: undefined } },
    { title: 'no slot that holds other code', slots: [slot(1, 'resident', guestA, 'older code')], expected: { from: 'spawned', id: undefined } },
  ];
  for (const { title, slots, expected } of preference) {
    it(`is ${title}`, () => {
      assert.deepEqual(planInit(slots, wanted).source, expected);
    });
  }

  it('is no resident slot when the caller names no action', () => {
    assert.deepEqual(planInit([slot(1, 'resident', guestA)], { owner: undefined, codeFingerprint: 'code' }).source, { from: 'spawned', id: undefined });
  });
});

describe('the slots that give way to an init', () => {
  it("are gone before its code runs when they hold another namespace's code", () => {
    const plan = planInit([slot(1, 'retained', otherA, 'x'), slot(2, 'resident', otherA, 'unpacked'), slot(3, 'resident', otherA)], wanted);
    assert.deepEqual([plan.killBefore, plan.killAfter], [[1, 2], [3]]);
  });

  it('are gone before its code runs when they hold a former version of the same code', () => {
    assert.deepEqual(planInit([slot(1, 'retained', guestA, 'older code')], wanted).killBefore, [1]);
  });

  it('are not those of the same namespace', () => {
    const plan = planInit([slot(1, 'resident', guestB), slot(2, 'retained', guestB, 'b'), slot(3, 'resident', guestA)], wanted);
    assert.deepEqual([plan.killBefore, plan.killAfter], [[], []]);
  });

  it('never leave code of another namespace alive, and never include the slot that is taken', () => {
    const states: SlotState[] = ['starting', 'blank', 'loading', 'resident', 'retained', 'releasing'];
    const drawn = fc.record({
      state: fc.constantFrom(...states),
      owner: fc.constantFrom(undefined, guestA, guestB, otherA),
      codeFingerprint: fc.constantFrom(undefined, 'code', 'other code'),
    });
    fc.assert(
      fc.property(fc.array(drawn, { maxLength: 8 }), fc.constantFrom(undefined, guestA), (fields, owner) => {
        const slots = fields.map(({ state, owner: slotOwner, codeFingerprint }, id) =>
          // Blank slots and starting ones belong to nobody, all others to somebody.
          state === 'blank' || state === 'starting' ? slot(id, state) : slot(id, state, slotOwner ?? guestB, codeFingerprint),
        );
        const plan = planInit(slots, { owner, codeFingerprint: 'code' });
        const killed = [...plan.killBefore, ...plan.killAfter];
        assert.ok(plan.source.id === undefined || !killed.includes(plan.source.id));
        assert.equal(new Set(killed).size, killed.length);
        for (const { id, state, owner: slotOwner, codeFingerprint } of slots) {
          if (state === 'releasing' || codeFingerprint === undefined) continue;
          if (slotOwner?.namespace !== owner?.namespace) assert.ok(plan.killBefore.includes(id), `slot ${id} survives`);
        }
      }),
    );
  });
});
