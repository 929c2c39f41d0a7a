// Which invokers got how large a part of an action's calls lately. Bounded.

/** Invokers that are told apart; the one with the smallest share makes room for a new one. */
const mostInvokers = 8;
/** What a share keeps with each further call: twenty calls ago counts a third (0.95²⁰ = 0.36). */
const keptShare = 0.95;

/** Share of the calls by invoker; the shares sum up to 1 at most. */
export type InvokerShares = Map<number, number>;

/** Counts one more call for an invoker. */
export function noteShare(shares: InvokerShares, invoker: number): void {
  if (shares.size === 0) {
    shares.set(invoker, 1);
    return;
  }
  for (const [each, share] of shares) shares.set(each, share * keptShare);
  shares.set(invoker, (shares.get(invoker) ?? 0) + 1 - keptShare);
  if (shares.size <= mostInvokers) return;
  const others = [...shares].filter(([each]) => each !== invoker);
  const [smallest] = others.toSorted(([, a], [, b]) => a - b)[0] ?? [invoker];
  shares.delete(smallest);
}
