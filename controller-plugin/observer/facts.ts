// What single records of OpenWhisk's topics say about arrivals and about what activations took. No state, no I/O.
import { actionKeyOf, unversionedNameOf } from '../../common/action-identity.ts';
import type { Acknowledgement, WhiskActivation } from '../../common/messages/acknowledgement.ts';
import type { ActivationEvent } from '../../common/messages/event-message.ts';

/** What an activation took, of an action whose version is known only to whoever saw it arrive. */
export interface Measurement {
  /** `[caller:]namespace[/package]/name`. */
  readonly unversionedName: string;
  readonly durationMs: number;
  readonly waitMs: number;
  /** 0 for a warm start. */
  readonly initMs: number;
  readonly memoryMegabytes?: number;
}

const healthTestName = 'whisk.system/invokerHealthTestAction';

/** The controllers test unhealthy invokers with an action of their own: nobody's arrivals. */
export function isHealthTest(qualifiedName: string): boolean {
  return qualifiedName.startsWith(healthTestName);
}

function unversionedName(qualifiedName: string, callingNamespace: string): string {
  return unversionedNameOf(actionKeyOf(qualifiedName, undefined, { namespace: callingNamespace }));
}

function measurement(qualifiedName: string, namespace: string, times: Omit<Measurement, 'unversionedName' | 'memoryMegabytes'>, memoryMegabytes: number): Measurement {
  return { unversionedName: unversionedName(qualifiedName, namespace), ...times, ...(memoryMegabytes > 0 ? { memoryMegabytes } : {}) };
}

/** Undefined for acknowledgements that carry no record: those of activations nobody waited for. */
export function measurementOfAcknowledgement(acknowledgement: Acknowledgement): Measurement | undefined {
  if (!('response' in acknowledgement) || typeof acknowledgement.response === 'string') return undefined;
  const activation: WhiskActivation = acknowledgement.response;
  const annotation = (key: string): unknown => activation.annotations.find((entry) => entry.key === key)?.value;
  const path = annotation('path');
  if (typeof path !== 'string' || isHealthTest(path)) return undefined;
  const memory = (annotation('limits') as { memory?: unknown } | undefined)?.memory;
  return measurement(
    path,
    activation.namespace,
    { durationMs: activation.duration ?? 0, waitMs: numberOr0(annotation('waitTime')), initMs: numberOr0(annotation('initTime')) },
    numberOr0(memory),
  );
}

/** Undefined for what ran in no container of an invoker: sequences and compositions, which controllers report. */
export function measurementOfEvent(event: ActivationEvent): Measurement | undefined {
  const { name, duration, waitTime, initTime, memory } = event.body;
  if (!event.source.startsWith('invoker') || isHealthTest(name)) return undefined;
  return measurement(name, event.namespace, { durationMs: duration, waitMs: waitTime, initMs: initTime }, memory);
}

/**
 * When the activation of an event arrived, in epoch ms: the event is sent when it ends, its duration includes the
 * initialisation, and its wait began when the controller got it. Later than true by what collecting its logs took.
 * Worked: sent at 1760000000470, duration 250, wait 77: 1760000000143.
 */
export function arrivalOfEvent({ timestamp, body }: ActivationEvent): number {
  return timestamp - body.duration - body.waitTime;
}

function numberOr0(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
