// The life of a container as OpenWhisk sees it: which calls are allowed when, and what is answered to those that are
// not. It knows nothing of slots, processes or HTTP connections.

export type LifecycleState =
  | { readonly kind: 'stem' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'initialised' }
  | { readonly kind: 'running'; readonly activations: number }
  /**
   * The initialisation failed or the action's process is gone: only /clean leads out of it. `lostIdle`: the process
   * ended while nothing ran, so that a run that comes now may as well go to another container.
   */
  | { readonly kind: 'stopped'; readonly lostIdle: boolean }
  /** What runs is finished, everything else is refused. */
  | { readonly kind: 'draining'; readonly activations: number };

export type LifecycleEvent =
  | 'initRequested'
  | 'initSucceeded'
  | 'initFailed'
  | 'runRequested'
  | 'runFinished'
  | 'slotLost'
  | 'cleanRequested'
  | 'drainRequested';

export interface Refusal {
  readonly allowed: false;
  readonly status: 403 | 409 | 503;
  /** The stock runtime's text where it has one. */
  readonly error: string;
}
export type Transition = { readonly allowed: true; readonly state: LifecycleState } | Refusal;

export const drainingError = 'The container is shutting down.';

const to = (state: LifecycleState): Transition => ({ allowed: true, state });
const refuse = (status: Refusal['status'], error: string): Refusal => ({ allowed: false, status, error });
const notReady = (word: string): Refusal => refuse(403, `System not ready, status is ${word}.`);

/**
 * The state after an event, or the refusal the caller gets.
 * Facts (`initSucceeded`, `runFinished`, `slotLost`…) are always allowed; one that comes too late changes nothing.
 * @param concurrent whether runs may overlap (`__OW_ALLOW_CONCURRENT`)
 */
export function transition(state: LifecycleState, event: LifecycleEvent, concurrent: boolean): Transition {
  switch (event) {
    case 'initRequested':
      return onInitRequested(state);
    case 'initSucceeded':
      return to(state.kind === 'starting' ? { kind: 'initialised' } : state);
    case 'initFailed':
      return to(state.kind === 'starting' ? { kind: 'stopped', lostIdle: false } : state);
    case 'runRequested':
      return onRunRequested(state, concurrent);
    case 'runFinished':
      return to(afterRun(state));
    case 'slotLost':
      return to(state.kind === 'initialised' || state.kind === 'running' ? { kind: 'stopped', lostIdle: state.kind === 'initialised' } : state);
    case 'cleanRequested':
      return onCleanRequested(state);
    case 'drainRequested':
      return to({ kind: 'draining', activations: activationsOf(state) });
  }
}

/** How many activations are running. */
export function activationsOf(state: LifecycleState): number {
  return state.kind === 'running' || state.kind === 'draining' ? state.activations : 0;
}

function onInitRequested(state: LifecycleState): Transition {
  switch (state.kind) {
    case 'stem':
      return to({ kind: 'starting' });
    case 'initialised':
    case 'running':
      return refuse(403, 'Cannot initialize the action more than once.');
    case 'draining':
      return refuse(503, drainingError);
    case 'starting':
    case 'stopped':
      return notReady(state.kind);
  }
}

function onRunRequested(state: LifecycleState, concurrent: boolean): Transition {
  switch (state.kind) {
    case 'initialised':
      return to({ kind: 'running', activations: 1 });
    case 'running':
      return concurrent ? to({ kind: 'running', activations: state.activations + 1 }) : notReady('running');
    case 'stem':
      return refuse(403, 'System not initialized.');
    case 'draining':
      return refuse(503, drainingError);
    case 'stopped':
      // OpenWhisk takes a 503 to another container instead of failing the activation.
      return state.lostIdle ? refuse(503, "The action's process has ended.") : notReady('stopped');
    case 'starting':
      return notReady('starting');
  }
}

function afterRun(state: LifecycleState): LifecycleState {
  if (state.kind === 'draining') return { kind: 'draining', activations: Math.max(0, state.activations - 1) };
  if (state.kind !== 'running') return state;
  return state.activations > 1 ? { kind: 'running', activations: state.activations - 1 } : { kind: 'initialised' };
}

function onCleanRequested(state: LifecycleState): Transition {
  switch (state.kind) {
    case 'stem':
    case 'initialised':
    case 'stopped':
      return to({ kind: 'stem' });
    case 'starting':
    case 'running':
      return refuse(409, 'The container is busy: an activation is running in it.');
    case 'draining':
      return refuse(503, drainingError);
  }
}
