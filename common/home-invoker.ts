// Where a stock controller sends an activation: the home invoker by hash, then the next ones by a step that is coprime to
// their number. Facts: ShardingContainerPoolBalancer.scala of Apache OpenWhisk; the test holds them against a JVM.

/** Shares of the invokers that take ordinary and blackbox actions; the defaults of `whisk.loadbalancer`. */
export interface InvokerShares {
  readonly managedFraction: number;
  readonly blackboxFraction: number;
}
export const defaultInvokerShares: InvokerShares = { managedFraction: 0.9, blackboxFraction: 0.1 };

/** Java's `String.hashCode`: 31·h + unit over the UTF-16 code units, wrapping at 32 bits. */
export function javaHash(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index += 1) hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0;
  return hash;
}

/**
 * The number that decides the home invoker of an action for a namespace that invokes it; `qualifiedName` is
 * `namespace[/package]/name` of the provider, without a leading slash or version.
 * Worked: ("guest", "guest/hello"): 98708952 xor 86723035 = 13198339.
 */
export function homeHash(invokingNamespace: string, qualifiedName: string): number {
  return Math.abs(javaHash(invokingNamespace) ^ javaHash(qualifiedName));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Numbers up to `limit` that are coprime to it and to each other, in ascending order. Worked: 9 gives 1, 2, 5, 7. */
export function pairwiseCoprimesUntil(limit: number): number[] {
  const kept: number[] = [];
  for (let candidate = 1; candidate <= limit; candidate += 1) {
    const isCoprime = [limit, ...kept].every((other) => greatestCommonDivisor(candidate, other) === 1);
    if (isCoprime) kept.push(candidate);
  }
  return kept;
}

/** Which of `invokerCount` invokers, in order of their ids, take a kind of action: indexes `from` (included) to `to` (not). */
export function invokerRange(invokerCount: number, isBlackbox: boolean, shares = defaultInvokerShares): { readonly from: number; readonly to: number } {
  const managedFraction = Math.min(1, Math.max(0, shares.managedFraction));
  const blackboxFraction = Math.max(1 - managedFraction, Math.min(1, shares.blackboxFraction));
  if (!isBlackbox) return { from: 0, to: Math.min(invokerCount, Math.max(1, Math.ceil(invokerCount * managedFraction))) };
  return { from: invokerCount - Math.min(invokerCount, Math.max(1, Math.floor(invokerCount * blackboxFraction))), to: invokerCount };
}

/**
 * The order in which a controller asks the invokers whether they have room: every one once, the home invoker first. An
 * empty list where there is none. With equally many invokers the same name always gives the same order.
 */
export function probeOrder(invokingNamespace: string, qualifiedName: string, invokerCount: number): number[] {
  if (invokerCount <= 0) return [];
  const hash = homeHash(invokingNamespace, qualifiedName);
  const steps = pairwiseCoprimesUntil(invokerCount);
  const step = steps[hash % steps.length] ?? 1;
  return Array.from({ length: invokerCount }, (_, turn) => ((hash % invokerCount) + turn * step) % invokerCount);
}
