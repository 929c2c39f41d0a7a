// Offers between invokers: who serves an activation in the end, also when one of them is slow, silent or dead.
import { strict as assert } from 'node:assert';
import { setImmediate as turn } from 'node:timers/promises';
import { actionDocument } from '../../../common/testing/action-documents.ts';
import { MemoryBus } from '../../../common/bus/memory-bus.ts';
import { createLogger } from '../../../common/logger.ts';
import { activationMessageSchema, type ActivationMessage } from '../../../common/messages/activation-message.ts';
import { decode, encode } from '../../../common/messages/codec.ts';
import type { InvokerInstance } from '../../../common/messages/identity.ts';
import { RecordReader } from '../../../common/messages/record-reader.ts';
import { createRandom } from '../../../common/random.ts';
import { FakeClock } from '../../../common/testing/fake-clock.ts';
import { residencyTopic, type Residency } from '../../protocol.ts';
import { FaultyConnection } from '../../testing/faulty-connection.ts';
import { Forwarding } from '../forwarding.ts';
import { forwardTopic, mostForwardedBytes } from '../messages.ts';

const action = actionDocument('hello');
const { actionKey } = action;
const logger = createLogger('test', 'silent');

function messageOf(count: number, content: Record<string, unknown> = {}): ActivationMessage {
  return {
    transid: ['t'.repeat(32), 1],
    action: { path: 'guest', name: 'hello', version: '0.0.1' },
    revision: null,
    user: { subject: 'guest', namespace: { name: 'guest', uuid: 'u' }, authkey: {}, rights: [], limits: {} },
    activationId: count.toString(16).padStart(32, '0'),
    rootControllerIndex: { asString: '0', instanceType: 'controller' },
    blocking: true,
    content,
    initArgs: [],
    lockedArgs: { secret: 'aes-128' },
  };
}

/** One invoker as the others see it: what it would answer, and what it was given. */
class Peer {
  readonly connection: FaultyConnection;
  readonly forwarding: Forwarding;
  readonly instance: InvokerInstance;
  readonly life: string;
  /** Activations it runs: its own that came back, and those of others. */
  readonly runs: string[] = [];
  readonly takenFor: [ActivationMessage, InvokerInstance][] = [];
  startupMs = 800;
  worthTaking = true;
  isDead = false;
  private readonly clock: FakeClock;

  constructor(bus: MemoryBus, clock: FakeClock, invoker: number) {
    this.clock = clock;
    this.connection = new FaultyConnection(bus);
    this.life = `life-${invoker}-${clock.now()}`;
    this.instance = { instance: invoker, userMemory: `${invoker + 1} GB`, instanceType: 'invoker', tags: [], dedicatedNamespaces: [] };
    this.forwarding = new Forwarding({
      bus: this.connection,
      clock,
      logger,
      records: new RecordReader(logger),
      instance: this.instance,
      life: this.life,
      startupMsOf: () => this.startupMs,
      isWorthTaking: () => this.worthTaking,
      load: () => ({ queued: 0, running: 0 }),
      take: (message, origin) => {
        this.takenFor.push([message, origin]);
        this.run(message.activationId);
      },
    });
  }

  /** Says that it has idle containers with the artifacts. */
  async hold(containers = 1, idle = true): Promise<void> {
    for (let index = 0; index < containers; index += 1) {
      const residency: Residency = { formatVersion: 1, invoker: this.instance.instance, life: this.life, containerId: `c${index}`, at: this.clock.now(), idle, ownActionKey: null, resident: [{ actionKey, residentBytes: 1 }], usedBytes: 1, limitBytes: 1 };
      await this.connection.publish(residencyTopic, encode(residency), `${this.instance.instance}/c${index}`);
    }
  }

  /** Gets an activation of its controller's; false when it serves it at once. */
  get(message: ActivationMessage): boolean {
    const offered = this.forwarding.offer(message, action);
    if (offered === undefined) this.run(message.activationId);
    else void offered.then((isElsewhere) => {
      if (!isElsewhere) this.run(message.activationId);
    });
    return offered !== undefined;
  }

  die(): void {
    this.isDead = true;
    this.connection.cut();
  }

  private run(activationId: string): void {
    if (!this.isDead) this.runs.push(activationId);
  }
}

describe('forwarding between invokers', () => {
  let bus: MemoryBus;
  let clock: FakeClock;
  let peers: Peer[];

  /** Lets everything that is on its way arrive. */
  const settle = async (): Promise<void> => {
    for (let index = 0; index < 20; index += 1) await turn();
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await settle();
    }
  };
  const join = async (invoker: number): Promise<Peer> => {
    const peer = new Peer(bus, clock, invoker);
    peers.push(peer);
    await peer.forwarding.start();
    await settle();
    return peer;
  };
  const pair = async (): Promise<[Peer, Peer]> => {
    const two: [Peer, Peer] = [await join(0), await join(1)];
    // Both have heard each other once.
    await pass(1000);
    await two[1].hold();
    await settle();
    return two;
  };

  beforeEach(() => {
    bus = new MemoryBus();
    clock = new FakeClock(1_000_000);
    peers = [];
  });
  afterEach(async () => {
    for (const peer of peers) peer.connection.cut();
    await bus.close();
  });

  it('gives an activation to the invoker that holds its artifacts, with who got it from the controller', async () => {
    const [origin, receiver] = await pair();
    const message = messageOf(1, { secret: 'locked text' });
    assert.ok(origin.get(message));
    await settle();
    assert.deepEqual([origin.runs, receiver.runs], [[], [message.activationId]]);
    assert.deepEqual(receiver.takenFor, [[message, origin.instance]]);
    assert.deepEqual(origin.forwarding.counts, { offered: 1, handedOver: 1, taken: 0, refused: 0 });
  });

  it('sends a record that a stock invoker would read as the activation itself', async () => {
    const [origin] = await pair();
    const values: (string | null)[] = [];
    await bus.subscribe({ topic: forwardTopic, from: 'earliest', handle: (record) => void values.push(record.value), onError: (error) => { throw error; } });
    const message = messageOf(1);
    origin.get(message);
    await settle();
    const decoded = decode(activationMessageSchema, values[0] ?? null);
    assert.deepEqual(decoded, { ok: true, message });
  });

  it('keeps an activation that is served here as fast, or whose artifacts are nowhere', async () => {
    const [origin, receiver] = await pair();
    origin.startupMs = 10;
    assert.equal(origin.get(messageOf(1)), false);
    origin.startupMs = 800;
    await receiver.hold(1, false);
    await settle();
    assert.equal(origin.get(messageOf(2)), false);
  });

  it('keeps a large activation', async () => {
    const [origin] = await pair();
    assert.equal(origin.get(messageOf(1, { image: 'x'.repeat(mostForwardedBytes) })), false);
  });

  it('makes no more offers than there are free places', async () => {
    const [origin, receiver] = await pair();
    await receiver.hold(2);
    await settle();
    receiver.connection.holdsIn = true;
    assert.deepEqual([1, 2, 3].map((count) => origin.get(messageOf(count))), [true, true, false]);
  });

  it('serves at once itself what the receiver refuses, and asks it nothing for a while', async () => {
    const [origin, receiver] = await pair();
    receiver.worthTaking = false;
    origin.get(messageOf(1));
    await settle();
    assert.deepEqual([origin.runs.length, receiver.runs.length], [1, 0]);
    assert.equal(origin.get(messageOf(2)), false);
  });

  it('serves itself what a receiver that is silent lets pass, and the receiver drops it when it is back', async () => {
    const [origin, receiver] = await pair();
    receiver.connection.holdsIn = true;
    origin.get(messageOf(1));
    await pass(400);
    assert.equal(origin.runs.length, 1);
    receiver.connection.letIn();
    await pass(2000);
    assert.deepEqual([origin.runs.length, receiver.runs.length], [1, 0]);
  });

  it('does not serve itself what it cannot ask back: the receiver may have it', async () => {
    const [origin, receiver] = await pair();
    origin.get(messageOf(1));
    origin.connection.holdsIn = true;
    origin.connection.holdsOut = true;
    await pass(3000);
    assert.deepEqual([origin.runs.length, receiver.runs.length], [0, 1]);
    origin.connection.letOut();
    origin.connection.letIn();
    await pass(3000);
    assert.deepEqual([origin.runs.length, receiver.runs.length], [0, 1]);
  });

  it('does not let a receiver serve whose claim came second', async () => {
    const [origin, receiver] = await pair();
    receiver.connection.holdsOut = true;
    origin.get(messageOf(1));
    await pass(2000);
    assert.equal(origin.runs.length, 1);
    receiver.connection.letOut();
    await pass(2000);
    assert.deepEqual([origin.runs.length, receiver.runs.length], [1, 0]);
  });

  it('counts on nobody who has been silent for three seconds, who has left, or who was started anew since', async () => {
    const [origin, receiver] = await pair();
    receiver.connection.holdsOut = true;
    await pass(3500);
    assert.equal(origin.get(messageOf(1)), false);
    receiver.connection.letOut();
    await pass(1000);
    assert.equal(origin.get(messageOf(2)), true);
    await pass(500);
    receiver.die();
    await join(1);
    await pass(1500);
    assert.equal(origin.get(messageOf(3)), false, 'what its former life held is gone');
  });

  it('has every offer decided before it stops', async () => {
    const [origin, receiver] = await pair();
    receiver.connection.holdsIn = true;
    origin.get(messageOf(1));
    const settled = origin.forwarding.settle(clock.now() + 3000);
    await pass(200);
    await settled;
    assert.equal(origin.runs.length, 1);
    assert.equal(origin.get(messageOf(2)), false);
    assert.equal(receiver.runs.length, 0);
  });

  it('serves each activation exactly once, whatever is held up and whoever dies', async function () {
    this.timeout(60_000);
    const seed = 4;
    const counts = { handedOver: 0, servedAfterAll: 0 };
    for (let round = 0; round < 60; round += 1) {
      bus = new MemoryBus();
      peers = [];
      const random = createRandom(seed, `round ${round}`);
      const all = [await join(0), await join(1), await join(2)];
      await pass(1000);
      const gotBy = new Map<string, Peer>();
      for (let count = 0; count < 25; count += 1) {
        const one = random.pick(all);
        const what = random.pick(['get', 'get', 'get', 'hold out', 'hold in', 'let out', 'let in', 'refuse', 'take', 'pass', 'die']);
        if (what === 'get' && !one.isDead) {
          for (const peer of all) if (!peer.isDead && !peer.connection.holdsOut) await peer.hold(3);
          await settle();
          const message = messageOf(round * 1000 + count);
          gotBy.set(message.activationId, one);
          one.get(message);
        }
        if (what === 'hold out') one.connection.holdsOut = !one.isDead;
        if (what === 'hold in') one.connection.holdsIn = !one.isDead;
        if (what === 'let out') one.connection.letOut();
        if (what === 'let in') one.connection.letIn();
        if (what === 'refuse') one.worthTaking = false;
        if (what === 'take') one.worthTaking = true;
        if (what === 'die' && random.uniform() < 0.3) one.die();
        await (what === 'pass' ? pass(random.uniformBetween(0, 2500)) : turn());
      }
      for (const peer of all) {
        peer.connection.letOut();
        peer.connection.letIn();
      }
      await pass(4000);
      for (const [activationId, origin] of gotBy) {
        const runs = all.flatMap((peer) => peer.runs.filter((id) => id === activationId));
        const mayBeLost = all.some(({ isDead }) => isDead) && (origin.isDead || all.some((peer) => peer !== origin && peer.isDead));
        const text = `${activationId} ran ${runs.length} times, seed ${seed}, round ${round}`;
        assert.ok(runs.length === 1 || (mayBeLost && runs.length === 0), text);
      }
      for (const { forwarding } of all) {
        counts.handedOver += forwarding.counts.handedOver;
        counts.servedAfterAll += forwarding.counts.offered - forwarding.counts.handedOver;
      }
      for (const peer of all) peer.connection.cut();
      await bus.close();
    }
    assert.ok(counts.handedOver > 50 && counts.servedAfterAll > 20, JSON.stringify(counts));
  });
});
