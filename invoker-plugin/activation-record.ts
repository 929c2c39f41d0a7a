// Assembles OpenWhisk's activation record out of what an activation did. Wire facts: ContainerProxy.scala, constructWhiskActivation.
import { shortNameOf } from '../common/action-identity.ts';
import type { ActionDocument } from '../common/action-document.ts';
import type { ActivationResponse, WhiskActivation } from '../common/messages/acknowledgement.ts';
import type { ActivationMessage } from '../common/messages/activation-message.ts';
import type { StartType } from './core/commands.ts';

/** When an activation was where, in epoch ms; without `init` for a warm start. */
export interface ActivationInterval {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly initMs?: number | undefined;
  /** Loading on the path of the call. */
  readonly loadMs: number;
  readonly startType: StartType;
  readonly waitMs: number;
  readonly timedOut: boolean;
}

/** The record of an activation that ran, its logs not yet in it. */
export function activationRecord(message: ActivationMessage, action: ActionDocument, response: ActivationResponse, interval: ActivationInterval): WhiskActivation {
  const { limits } = action;
  const [start, end] = [Math.round(interval.startedAt), Math.round(interval.endedAt)];
  const annotations = [
    { key: 'limits', value: { concurrency: limits.concurrency, logs: limits.logsMegabytes, memory: limits.memoryMegabytes, timeout: limits.timeoutMs } },
    { key: 'path', value: action.qualifiedName },
    { key: 'kind', value: action.kind },
    { key: 'timeout', value: interval.timedOut },
    ...(message.cause === undefined ? [] : [{ key: 'causedBy', value: 'sequence' }]),
    ...(interval.initMs === undefined ? [] : [{ key: 'initTime', value: Math.round(interval.initMs) }]),
    // Beside OpenWhisk's: how it started, and what of its duration was loading.
    { key: 'startType', value: interval.startType },
    ...(interval.loadMs > 0 ? [{ key: 'loadTime', value: Math.round(interval.loadMs) }] : []),
    { key: 'waitTime', value: Math.round(interval.waitMs) },
    ...(message.action.binding === undefined ? [] : [{ key: 'binding', value: message.action.binding }]),
  ];
  return {
    ...commonFields(message, shortNameOf(action.actionKey), action.version),
    start,
    end,
    duration: end - start,
    response,
    logs: [],
    annotations,
  };
}

/** The record of an activation that never ran. */
export function fallbackRecord(message: ActivationMessage, response: ActivationResponse, at: number): WhiskActivation {
  return {
    ...commonFields(message, message.action.name, message.action.version ?? '0.0.1'),
    start: Math.round(at),
    end: Math.round(at),
    duration: 0,
    response,
    logs: [],
    annotations: [
      { key: 'path', value: `${message.action.path}/${message.action.name}` },
      { key: 'kind', value: 'unknown' },
      ...(message.cause === undefined ? [] : [{ key: 'causedBy', value: 'sequence' }]),
    ],
  };
}

function commonFields(message: ActivationMessage, name: string, version: string): Pick<WhiskActivation, 'namespace' | 'name' | 'subject' | 'activationId' | 'cause' | 'version' | 'publish'> {
  return {
    namespace: message.user.namespace.name,
    name,
    subject: message.user.subject,
    activationId: message.activationId,
    ...(message.cause === undefined ? {} : { cause: message.cause }),
    version,
    publish: false,
  };
}
