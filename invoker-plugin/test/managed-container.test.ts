// A container as the invoker holds it, in front of a server that answers, or does not, as a test wants.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { actionDocument } from '../../common/testing/action-documents.ts';
import { FakeClock } from '../../common/testing/fake-clock.ts';
import type { ActivationMessage } from '../../common/messages/activation-message.ts';
import type { StartActivation } from '../core/commands.ts';
import type { Container, ContainerEnd } from '../drivers/driver.ts';
import { ManagedContainer } from '../managed-container.ts';

const action = actionDocument('a', { code: 'x', limits: { timeoutMs: 10_000, logsMegabytes: 0 } });
const message: ActivationMessage = {
  transid: ['t', 0],
  action: { path: 'guest', name: 'a', version: '0.0.1' },
  revision: null,
  user: { subject: 'guest', namespace: { name: 'guest', uuid: 'u' }, authkey: {}, rights: [], limits: {} },
  activationId: '0'.repeat(32),
  rootControllerIndex: { asString: '0', instanceType: 'controller' },
  blocking: true,
  initArgs: [],
  lockedArgs: {},
};
const command: StartActivation = { type: 'startActivation', activationId: message.activationId, containerId: 'c1', actionKey: action.actionKey, startType: 'warm', clean: 'none', init: false };
const pauseGraceMs = 10_000;

/** Notes what it is asked to do, and ends when told. */
class ScriptedContainer implements Container {
  readonly containerId = 'c1';
  readonly calls: string[] = [];
  readonly ended: Promise<ContainerEnd>;
  readonly baseUrl: string;
  end: (end: ContainerEnd) => void = () => undefined;
  resumeFails = false;

  constructor(port: number) {
    this.baseUrl = `http://127.0.0.1:${port}`;
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  onLog(): void {
    this.calls.push('onLog');
  }

  pause(): Promise<void> {
    this.calls.push('pause');
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.calls.push('resume');
    return this.resumeFails ? Promise.reject(new Error('the engine said no')) : Promise.resolve();
  }

  remove(): Promise<void> {
    this.calls.push('remove');
    return Promise.resolve();
  }
}

describe('a managed container', () => {
  let server: Server;
  let answer: (response: ServerResponse) => void;
  let container: ScriptedContainer;
  let clock: FakeClock;
  let managed: ManagedContainer;

  beforeEach(async () => {
    answer = (response) => response.end('{"ok":true}');
    server = createServer((_request, response) => {
      container.calls.push('asked');
      answer(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    container = new ScriptedContainer((server.address() as AddressInfo).port);
    clock = new FakeClock(0);
    managed = new ManagedContainer({ container, memoryLimitBytes: 2 ** 28, clock, token: 't', pauseGraceMs, isBorrowed: false, onPauseFailure: (error) => assert.fail(String(error)) });
  });
  afterEach(() => {
    managed.client.close();
    server.closeAllConnections();
    server.close();
  });

  const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('is paused when it has been idle after an activation, and resumed before the next', async () => {
    await managed.run(command, message, action);
    clock.advance(pauseGraceMs);
    await turns();
    const { response } = await managed.run(command, message, action);
    assert.equal(response.statusCode, 0);
    assert.deepEqual(container.calls, ['onLog', 'asked', 'pause', 'resume', 'asked']);
  });

  it('is not asked anything while it is paused', async () => {
    await managed.run(command, message, action);
    clock.advance(pauseGraceMs);
    await turns();
    await managed.clean(false);
    await managed.usedBytes();
    assert.deepEqual(container.calls.slice(2), ['pause', 'resume', 'asked', 'asked']);
  });

  it('stays awake as a stem cell, whatever is asked of it', async () => {
    await managed.usedBytes();
    clock.advance(10 * pauseGraceMs);
    await turns();
    assert.deepEqual(container.calls, ['onLog', 'asked']);
  });

  it('gives an activation that it cannot be resumed for a fault of the platform', async () => {
    await managed.run(command, message, action);
    clock.advance(pauseGraceMs);
    await turns();
    container.resumeFails = true;
    const { response } = await managed.run(command, message, action);
    assert.equal(response.statusCode, 3);
    assert.match(JSON.stringify(response.result), /could not be made ready.*the engine said no/);
  });

  for (const route of ['/run', '/init']) {
    it(`says that memory was exhausted when the container ends for it during ${route}`, async () => {
      answer = (response) => {
        response.destroy();
        container.end({ reason: 'out of memory (exit code 137)', memoryExhausted: true });
      };
      const { response } = await managed.run({ ...command, init: route === '/init' }, message, action);
      assert.equal(response.statusCode, 2);
      assert.deepEqual(response.result, { error: 'The action exhausted its memory and was aborted.' });
    });
  }

  for (const { init, wasUnserved, title } of [
    { init: false, wasUnserved: true, title: 'says that a warm run was refused with 503, so that it may run elsewhere' },
    { init: true, wasUnserved: false, title: 'takes a 503 of a container that it has just initialised for the action’s failure' },
  ]) {
    it(title, async () => {
      let asked = 0;
      answer = (response) => {
        asked += 1;
        response.statusCode = init && asked === 1 ? 200 : 503;
        response.end('{"error":"gone"}');
      };
      assert.equal((await managed.run({ ...command, init }, message, action)).wasUnserved, wasUnserved);
    });
  }

  it('says that the action exited when the container ends for another reason', async () => {
    answer = (response) => {
      response.destroy();
      container.end({ reason: 'exit code 137', memoryExhausted: false });
    };
    const { response } = await managed.run(command, message, action);
    assert.match(JSON.stringify(response.result), /exited unexpectedly/);
  });
});
