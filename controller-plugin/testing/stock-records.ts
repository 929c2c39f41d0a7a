// Records as OpenWhisk's controllers and invokers publish them, for tests that observe.
import type { ActivationMessage } from '../../common/messages/activation-message.ts';
import type { WhiskActivation } from '../../common/messages/acknowledgement.ts';
import type { ActivationEvent } from '../../common/messages/event-message.ts';
import type { InvokerInstance } from '../../common/messages/identity.ts';

/** The API key in every message: no log may ever show it. */
export const apiKey = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:a-secret-that-no-log-may-show';

export function activationIdOf(count: number): string {
  return count.toString(16).padStart(32, '0');
}

/** An activation of `guest/name` that the controller got at `at` (epoch ms). */
export function activationMessage(name: string, at: number, count: number, overrides: Partial<ActivationMessage> = {}): ActivationMessage {
  return {
    transid: [`t${count}`.padEnd(32, '0'), at],
    action: { path: 'guest', name, version: '0.0.1' },
    revision: null,
    user: { subject: 'guest', namespace: { name: 'guest', uuid: 'u' }, authkey: { api_key: apiKey }, rights: [], limits: {} },
    activationId: activationIdOf(count),
    rootControllerIndex: { asString: '0', instanceType: 'controller' },
    blocking: true,
    content: {},
    initArgs: [],
    lockedArgs: {},
    ...overrides,
  };
}

export function healthTestMessage(at: number, count: number): ActivationMessage {
  return activationMessage('invokerHealthTestAction0', at, count, {
    transid: ['sid_invokerHealth', at],
    action: { path: 'whisk.system', name: 'invokerHealthTestAction0', version: '0.0.1' },
    blocking: false,
  });
}

export function invokerInstance(instance: number, userMemory = '2147483648 B'): InvokerInstance {
  return { instance, userMemory, instanceType: 'invoker', tags: [], dedicatedNamespaces: [], uniqueName: String(instance) };
}

export interface Took {
  readonly durationMs: number;
  readonly waitMs: number;
  readonly initMs?: number;
}

export function activationRecord(name: string, arrivedAt: number, count: number, { durationMs, waitMs, initMs }: Took): WhiskActivation {
  const annotations = Object.entries({ path: `guest/${name}`, kind: 'nodejs:instainfer', limits: { concurrency: 1, logs: 10, memory: 512, timeout: 60_000 }, waitTime: waitMs, initTime: initMs });
  return {
    namespace: 'guest',
    name,
    subject: 'guest',
    activationId: activationIdOf(count),
    start: arrivedAt + waitMs,
    end: arrivedAt + waitMs + durationMs,
    duration: durationMs,
    response: { statusCode: 0, result: {} },
    logs: [],
    version: '0.0.1',
    publish: false,
    annotations: annotations.flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }])),
  };
}

/** The user event of an activation, as its invoker sends it when it has ended. */
export function activationEvent(name: string, arrivedAt: number, count: number, { durationMs, waitMs, initMs = 0 }: Took, overrides: Partial<ActivationEvent> = {}): ActivationEvent {
  return {
    source: 'invoker0',
    eventType: 'Activation',
    subject: 'guest',
    namespace: 'guest',
    userId: 'u',
    timestamp: arrivedAt + waitMs + durationMs,
    body: { name: `guest/${name}`, activationId: activationIdOf(count), statusCode: 0, duration: durationMs, waitTime: waitMs, initTime: initMs, kind: 'nodejs:instainfer', conductor: false, memory: 512 },
    ...overrides,
  };
}
