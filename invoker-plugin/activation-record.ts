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
  const annotations: WhiskActivation['annotations'][number][] = [
    { key: 'limits', value: { concurrency: limits.concurrency, logs: limits.logsMegabytes, memory: limits.memoryMegabytes, timeout: limits.timeoutMs } },
    { key: 'path', value: action.qualifiedName },
    { key: 'kind', value: action.kind },
    { key: 'timeout', value: interval.timedOut },
  ];
  if (message.cause !== undefined) annotations.push(causedBySequence);
  if (interval.initMs !== undefined) annotations.push({ key: 'initTime', value: Math.round(interval.initMs) });
  // Beside OpenWhisk's: how it started, and what of its duration was loading.
  annotations.push({ key: 'startType', value: interval.startType });
  if (interval.loadMs > 0) annotations.push({ key: 'loadTime', value: Math.round(interval.loadMs) });
  annotations.push({ key: 'waitTime', value: Math.round(interval.waitMs) });
  if (message.action.binding !== undefined) annotations.push({ key: 'binding', value: message.action.binding });
  return recordOf(message, { name: shortNameOf(action.actionKey), version: action.version, start, end, response, annotations });
}

/** The record of an activation that never ran. */
export function fallbackRecord(message: ActivationMessage, response: ActivationResponse, at: number): WhiskActivation {
  const { path, name, version = '0.0.1' } = message.action;
  const annotations: WhiskActivation['annotations'][number][] = [
    { key: 'path', value: `${path}/${name}` },
    { key: 'kind', value: 'unknown' },
  ];
  if (message.cause !== undefined) annotations.push(causedBySequence);
  return recordOf(message, { name, version, start: Math.round(at), end: Math.round(at), response, annotations });
}

const causedBySequence = Object.freeze({ key: 'causedBy', value: 'sequence' });

/** Made for every activation: field by field, since the engine is slow at putting a copy of one object into another. */
function recordOf(message: ActivationMessage, own: Pick<WhiskActivation, 'name' | 'version' | 'start' | 'end' | 'response' | 'annotations'>): WhiskActivation {
  const record: WhiskActivation = {
    namespace: message.user.namespace.name,
    name: own.name,
    subject: message.user.subject,
    activationId: message.activationId,
    version: own.version,
    publish: false,
    start: own.start,
    end: own.end,
    duration: own.end - own.start,
    response: own.response,
    logs: [],
    annotations: own.annotations,
  };
  return message.cause === undefined ? record : { ...record, cause: message.cause };
}
