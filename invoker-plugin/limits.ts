// Whether an action's limits are within those of the namespace that invokes it, in the words of the stock invoker.
// Wire facts: core/entity/{MemoryLimit,TimeLimit,LogLimit,IntraConcurrencyLimit}.scala, checkNamespaceLimit.
import { z } from 'zod';
import type { ActionDocument } from '../common/action-document.ts';
import { bytesOfSize } from '../common/messages/byte-size.ts';

const megabytes = z.number().optional().catch(undefined);
const userLimitsSchema = z.object({
  minActionMemory: megabytes,
  maxActionMemory: megabytes,
  minActionLogs: megabytes,
  maxActionLogs: megabytes,
  minActionTimeout: megabytes,
  maxActionTimeout: megabytes,
  minActionConcurrency: megabytes,
  maxActionConcurrency: megabytes,
  maxPayloadSize: z.string().optional().catch(undefined),
});

type Check = readonly [value: number, least: number | undefined, most: number | undefined, text: (value: number, bound: 'below' | 'exceeds', limit: number) => string];

const size = (field: string) => (value: number, bound: string, limit: number): string => `${field} ${value} MB ${bound} allowed threshold of ${limit} MB`;

/** The first limit that the namespace does not allow; undefined when all are within. */
export function limitViolation(action: ActionDocument, userLimits: Readonly<Record<string, unknown>>): string | undefined {
  const { limits } = action;
  const user = userLimitsSchema.parse(userLimits);
  const checks: readonly Check[] = [
    [limits.timeoutMs, user.minActionTimeout, user.maxActionTimeout, (value, bound, limit) => `duration ${value} milliseconds ${bound} allowed threshold of ${limit} milliseconds`],
    [limits.memoryMegabytes, user.minActionMemory, user.maxActionMemory, size('memory size')],
    [limits.logsMegabytes, user.minActionLogs, user.maxActionLogs, size('log size')],
    [limits.concurrency, user.minActionConcurrency, user.maxActionConcurrency, (value, bound, limit) => `concurrency ${value} ${bound} allowed threshold of ${limit}`],
  ];
  for (const [value, least, most, text] of checks) {
    if (most !== undefined && value > most) return text(value, 'exceeds', most);
    if (least !== undefined && value < least) return text(value, 'below', least);
  }
  return undefined;
}

/** What the response of an activation may be long: the platform's bound, or the namespace's where that is less. */
export function maxResponseBytesOf(userLimits: Readonly<Record<string, unknown>>, platformBytes: number): number {
  const text = userLimits['maxPayloadSize'];
  const own = typeof text === 'string' ? bytesOfSize(text) : undefined;
  return own === undefined ? platformBytes : Math.min(own, platformBytes);
}
