import { strict as assert } from 'node:assert';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import { SystemClock, type Clock } from '../../common/clock.ts';
import { createLogger } from '../../common/logger.ts';
import { Fleet } from '../fleet.ts';
import { scalerMethods, statusCodes, type AssignReply, type Meta } from '../interface.ts';
import { GrpcPlatform, type Platform } from '../platform.ts';
import { scalerPolicy } from '../policies.ts';
import { createPlatformServer, SimulatedPlatform } from '../replay/simulated-platform.ts';
import { listen, RpcClient, shutDown } from '../rpc.ts';
import { createScalerServer } from '../server.ts';

const meta: Meta = { key: 'picture/resize', runtime: 'nodejs', timeout_in_secs: 30, memory_in_mb: 512 };
const application = { key: meta.key, runtime: 'nodejs', memoryMegabytes: 512, timeoutSeconds: 30, initMs: 5 };
const deadlineMs = 8000;

describe('the Scaler service over gRPC', () => {
  const closers: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function served(clock: Clock = new SystemClock()): Promise<{ fleet: Fleet; platform: SimulatedPlatform; client: RpcClient; assign: (id: string, changed?: Partial<Meta>) => Promise<AssignReply> }> {
    const platform = new SimulatedPlatform({ clock: new SystemClock(), applications: new Map([[meta.key, application]]), createMs: 5 });
    const platformServer = createPlatformServer(platform, new SystemClock());
    const grpcPlatform = new GrpcPlatform(`127.0.0.1:${await listen(platformServer, '127.0.0.1:0')}`);
    const fleet = new Fleet({ policy: scalerPolicy('ours', 600_000), platform: grpcPlatform, clock, logger: createLogger('test', 'silent') });
    const server = createScalerServer(fleet);
    const client = new RpcClient(`127.0.0.1:${await listen(server, '127.0.0.1:0')}`);
    closers.push(
      () => shutDown(platformServer),
      () => {
        grpcPlatform.close();
      },
      () => shutDown(server),
      () => {
        client.close();
      },
      () => fleet.close(),
    );
    const assign = (id: string, changed: Partial<Meta> = {}): Promise<AssignReply> => client.call(scalerMethods.Assign, { request_id: id, timestamp: 1, meta_data: { ...meta, ...changed } }, deadlineMs);
    return { fleet, platform, client, assign };
  }

  it('makes an instance for the first request, and gives the same one to the next', async () => {
    const { platform, client, assign } = await served();
    const first = await assign('r1');
    assert.equal(first.status, statusCodes.ok);
    assert.ok(first.assigment);
    assert.equal(first.assigment.meta_key, meta.key);
    assert.equal((await client.call(scalerMethods.Idle, { assigment: first.assigment, result: { status_code: 200, duration_in_ms: 3 } }, deadlineMs)).status, statusCodes.ok);
    const second = await assign('r2');
    assert.equal(second.assigment?.instance_id, first.assigment.instance_id);
    assert.equal(platform.createdCount, 1);
  });

  it('gives requests that overlap instances of their own', async () => {
    const { assign } = await served();
    const replies = await Promise.all(['a', 'b', 'c'].map((id) => assign(id)));
    assert.equal(new Set(replies.map(({ assigment }) => assigment?.instance_id)).size, 3);
  });

  it('destroys the slot of an instance that is said to be broken', async () => {
    const { platform, client, assign } = await served();
    const { assigment } = await assign('r1');
    await client.call(scalerMethods.Idle, { assigment, result: { status_code: 500, duration_in_ms: 3, need_destroy: true } }, deadlineMs);
    const next = await assign('r2');
    assert.notEqual(next.assigment?.instance_id, assigment?.instance_id);
    assert.equal(platform.createdCount, 2);
  });

  it('says what is wrong with a request', async () => {
    const { client, assign } = await served();
    assert.equal((await assign('')).status, statusCodes.invalidArgument);
    assert.equal((await client.call(scalerMethods.Assign, { request_id: 'x', timestamp: 1 }, deadlineMs)).status, statusCodes.invalidArgument);
    assert.equal((await assign('y', { memory_in_mb: 0 })).status, statusCodes.invalidArgument);
    await assign('r1');
    const again = await assign('r1');
    assert.equal(again.status, statusCodes.internalError);
    assert.match(again.error_message ?? '', /under way already/);
  });

  it('refuses an Idle of an instance that the request does not have', async () => {
    const { client, assign } = await served();
    const { assigment } = await assign('r1');
    assert.ok(assigment);
    const wrong = { ...assigment, instance_id: 'somebody-else' };
    assert.equal((await client.call(scalerMethods.Idle, { assigment: wrong, result: { status_code: 200, duration_in_ms: 1 } }, deadlineMs)).status, statusCodes.invalidAssignment);
    assert.equal((await client.call(scalerMethods.Idle, { assigment, result: { status_code: 200, duration_in_ms: 1 } }, deadlineMs)).status, statusCodes.ok);
    assert.equal((await client.call(scalerMethods.Idle, { assigment, result: { status_code: 200, duration_in_ms: 1 } }, deadlineMs)).status, statusCodes.invalidAssignment);
  });

  it('tells the platform\'s reason when an instance cannot be initialised, and leaves no slot', async () => {
    const { platform, fleet, assign } = await served();
    const reply = await assign('r1', { key: 'nobody-knows' });
    assert.equal(reply.status, statusCodes.internalError);
    assert.match(reply.error_message ?? '', /no application 'nobody-knows'/);
    await fleet.close();
    assert.equal(platform.slotCount, 0);
  });

  it('destroys every slot when it ends', async () => {
    const { fleet, platform, assign } = await served();
    await Promise.all(['a', 'b'].map((id) => assign(id)));
    assert.equal(platform.slotCount, 2);
    await fleet.close();
    assert.equal(platform.slotCount, 0);
    assert.equal(fleet.slotCount, 0);
  });

  it('takes a request for lost ten seconds after its time limit, and its instance goes', async () => {
    const clock = new FakeClock();
    const { fleet, assign } = await served(clock);
    await assign('r1');
    clock.advance(39_000);
    assert.equal(fleet.requestCount, 1);
    clock.advance(1_001);
    assert.equal(fleet.requestCount, 0);
  });
});

describe('a fleet whose platform fails', () => {
  it('answers the request when no slot can be made', async () => {
    const platform: Platform = {
      createSlot: () => Promise.reject(new Error('out of machines')),
      init: () => Promise.reject(new Error('never asked')),
      destroySlot: () => Promise.resolve(),
    };
    const fleet = new Fleet({ policy: scalerPolicy('ours', 600_000), platform, clock: new FakeClock(), logger: createLogger('test', 'silent') });
    const assigned = await fleet.assign('r1', meta);
    assert.deepEqual(assigned, { ok: false, reason: 'container-failed' });
    assert.equal(fleet.slotCount, 0);
    await fleet.close();
  });
});
