import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { activationsOf, transition, type LifecycleEvent, type LifecycleState } from '../lifecycle.ts';

/** The state after these events, all of which must be allowed. */
function after(events: readonly LifecycleEvent[], concurrent = false): LifecycleState {
  return events.reduce<LifecycleState>(
    (state, event) => {
      const next = transition(state, event, concurrent);
      assert.ok(next.allowed, `${event} in ${state.kind}`);
      return next.state;
    },
    { kind: 'stem' },
  );
}

const initialised: LifecycleEvent[] = ['initRequested', 'initSucceeded'];

describe('the life cycle of a container', () => {
  it('goes from stem cell over initialised to running, back when the run has finished, and to a stem cell when cleaned', () => {
    assert.equal(after(initialised).kind, 'initialised');
    assert.deepEqual(after([...initialised, 'runRequested']), { kind: 'running', activations: 1 });
    assert.equal(after([...initialised, 'runRequested', 'runFinished']).kind, 'initialised');
    assert.equal(after([...initialised, 'runRequested', 'runFinished', 'cleanRequested']).kind, 'stem');
  });

  const refusals: { before: LifecycleEvent[]; event: LifecycleEvent; status: number; error: string }[] = [
    { before: [], event: 'runRequested', status: 403, error: 'System not initialized.' },
    { before: ['initRequested'], event: 'initRequested', status: 403, error: 'System not ready, status is starting.' },
    { before: ['initRequested'], event: 'runRequested', status: 403, error: 'System not ready, status is starting.' },
    { before: ['initRequested'], event: 'cleanRequested', status: 409, error: 'The container is busy: an activation is running in it.' },
    { before: initialised, event: 'initRequested', status: 403, error: 'Cannot initialize the action more than once.' },
    { before: [...initialised, 'runRequested'], event: 'runRequested', status: 403, error: 'System not ready, status is running.' },
    { before: [...initialised, 'runRequested'], event: 'cleanRequested', status: 409, error: 'The container is busy: an activation is running in it.' },
    { before: ['initRequested', 'initFailed'], event: 'initRequested', status: 403, error: 'System not ready, status is stopped.' },
    { before: ['initRequested', 'initFailed'], event: 'runRequested', status: 403, error: 'System not ready, status is stopped.' },
    { before: [...initialised, 'runRequested', 'slotLost'], event: 'runRequested', status: 403, error: 'System not ready, status is stopped.' },
    { before: [...initialised, 'slotLost'], event: 'runRequested', status: 503, error: "The action's process has ended." },
    ...(['initRequested', 'runRequested', 'cleanRequested'] as const).map((event) => ({
      before: ['drainRequested' as const],
      event,
      status: 503,
      error: 'The container is shutting down.',
    })),
  ];
  for (const { before, event, status, error } of refusals) {
    it(`refuses ${event} after ${before.join(', ') || 'nothing'} with ${status}`, () => {
      assert.deepEqual(transition(after(before), event, false), { allowed: false, status, error });
    });
  }

  it('lets runs overlap where that is allowed', () => {
    assert.deepEqual(after([...initialised, 'runRequested', 'runRequested'], true), { kind: 'running', activations: 2 });
    assert.deepEqual(after([...initialised, 'runRequested', 'runRequested', 'runFinished'], true), { kind: 'running', activations: 1 });
  });

  it('counts running activations down while it drains', () => {
    assert.deepEqual(after([...initialised, 'runRequested', 'drainRequested']), { kind: 'draining', activations: 1 });
    assert.deepEqual(after([...initialised, 'runRequested', 'drainRequested', 'runFinished']), { kind: 'draining', activations: 0 });
  });

  it('never counts fewer than no activation, nor more than one without concurrency, nor leaves draining', () => {
    const events: LifecycleEvent[] = ['initRequested', 'initSucceeded', 'initFailed', 'runRequested', 'runFinished', 'slotLost', 'cleanRequested', 'drainRequested'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 60 }), (sequence) => {
        let state: LifecycleState = { kind: 'stem' };
        for (const event of sequence) {
          const next = transition(state, event, false);
          if (!next.allowed) continue;
          if (state.kind === 'draining') assert.equal(next.state.kind, 'draining');
          state = next.state;
          assert.ok(activationsOf(state) >= 0 && activationsOf(state) <= 1);
        }
      }),
    );
  });
});
