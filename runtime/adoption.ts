// One /init's way to a slot: finds or starts the slot, clears out of the way what must not be there when the code runs,
// and has the code initialised in it. The container's state is not its business.
import { actionKeyOf } from '../common/action-identity.ts';
import { fingerprintOf } from './action-fingerprint.ts';
import { planInit, type SlotOwner } from './core/slot-choice.ts';
import type { Loader } from './loader.ts';
import type { InitValue } from './protocol.ts';
import { environmentOf, type ActionCode } from './slots/messages.ts';
import type { SlotPool } from './slots/slot-pool.ts';
import { SlotLostError, type Slot } from './slots/slot.ts';

/** Where the code went, as the Server-Timing header says it. */
export type Origin = 'resident' | 'retained' | 'blank' | 'spawned';

export interface Adoption {
  readonly slot: Slot;
  readonly origin: Origin;
  /** Loading time of this call: a load that was in flight and waited for, and what the code loaded as it was evaluated. */
  readonly loadMs: number;
  /** Emptying the page cache for a cold load: no part of any phase. */
  readonly evictionMs: number;
  /** What loading has had read from the disk so far; undefined where nothing was loaded, or that is not known. */
  readonly diskBytes: number | undefined;
}

/** The action's code or archive does not work; the message is for its author. */
export class InitError extends Error {}

export interface AdoptionContext {
  readonly pool: SlotPool;
  readonly loader: Loader;
  /** Called when it is clear which slot it is, before anything happens in it. */
  readonly onTaken: (slot: Slot) => void;
}

/** @throws InitError, SlotLostError when the slot's process ends */
export async function adoptSlot(context: AdoptionContext, action: ActionCode, value: InitValue): Promise<Adoption> {
  const { pool, loader } = context;
  const owner = ownerOf(value);
  const codeFingerprint = fingerprintOf(action);
  const plan = planInit(pool.views(), { owner, codeFingerprint });
  loader.cancelAllBut(owner);
  const gone = Promise.all(plan.killBefore.map((id) => pool.get(id)?.kill()));
  const { from, id } = plan.source;
  const slot = id === undefined ? pool.spawn(false) : pool.get(id);
  if (slot === undefined) throw new SlotLostError('The slot is gone.');
  slot.setBackground(false);
  const waitingSince = performance.now();
  if (from === 'loading') {
    await loader.waitFor(slot);
    // A load that failed has taken its slot with it: the call does without.
    if (slot.state !== 'resident') return adoptSlot(context, action, value);
  }
  const waitedForLoadMs = from === 'loading' ? performance.now() - waitingSince : 0;
  // Before anything else is waited for: no house-keeping may take the slot away.
  slot.state = 'active';
  slot.owner = owner;
  context.onTaken(slot);
  await gone;
  // Others' artifacts give way as soon as the call is under way: after this turn of the event loop, when it has been sent.
  setImmediate(() => {
    for (const victim of plan.killAfter) void pool.get(victim)?.kill();
  });
  if (from === 'retained') slot.thaw();
  try {
    await slot.ready;
  } catch (error) {
    if (id === undefined || pool.isClosed) throw error;
    // A spare process began when this call was not known, perhaps on a disk that was full then. No code has been sent to it.
    await slot.kill();
    return adoptSlot(context, action, value);
  }
  const origin = from === 'loading' ? 'resident' : from;
  const { loadMs, evictionMs, diskBytes } = await initialise({ slot, origin, action, codeFingerprint, value, pool });
  return { slot, origin, loadMs: loadMs + waitedForLoadMs, evictionMs, diskBytes };
}

interface Initialisation {
  readonly slot: Slot;
  readonly origin: Origin;
  readonly action: ActionCode;
  readonly codeFingerprint: string;
  readonly value: InitValue;
  readonly pool: SlotPool;
}

async function initialise({ slot, origin, action, codeFingerprint, value, pool }: Initialisation): Promise<Pick<Adoption, 'loadMs' | 'evictionMs' | 'diskBytes'>> {
  const env = environmentOf(value.env);
  const isUnpacked = slot.codeFingerprint === codeFingerprint;
  slot.codeFingerprint = codeFingerprint;
  const reply =
    origin === 'retained'
      ? await slot.wake({ env })
      : await slot.init({ main: action.main, action: isUnpacked ? undefined : action, env, residentModels: pool.residentArtifactsBeside(slot) });
  if (reply.type === 'failed') throw new InitError(reply.message);
  if (reply.type !== 'initialised') throw new InitError('The slot gave an answer that was not asked for.');
  slot.artifacts = reply.artifacts;
  slot.lastUsefulAt = performance.now();
  return { loadMs: reply.loadMs, evictionMs: reply.evictionMs, diskBytes: reply.diskBytes };
}

/** Whose code it is, out of the environment that comes with it; undefined when that does not say. */
function ownerOf(value: InitValue): SlotOwner | undefined {
  const env = environmentOf(value.env);
  const name = env['__OW_ACTION_NAME'];
  const namespace = env['__OW_NAMESPACE'];
  if (!name || !namespace) return undefined;
  return { actionKey: actionKeyOf(name, env['__OW_ACTION_VERSION'], { revision: value.revision }), namespace };
}
