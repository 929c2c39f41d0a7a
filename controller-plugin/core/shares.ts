// Who has how large a part of an action's arrivals lately: calling namespaces, or invokers that got them. Bounded.

/** Names that are told apart; the rarest makes room for a new one. */
const mostNames = 8;
/** What a share keeps with each further arrival: twenty arrivals ago counts a third (0.95²⁰ = 0.36). */
const keptShare = 0.95;

/** Share of the arrivals by name; the shares sum up to 1 at most. */
export type Shares<Name extends string | number> = Map<Name, number>;

/** Counts one more arrival for a name. */
export function noteShare<Name extends string | number>(shares: Shares<Name>, name: Name): void {
  if (shares.size === 0) {
    shares.set(name, 1);
    return;
  }
  for (const [each, share] of shares) shares.set(each, share * keptShare);
  shares.set(name, (shares.get(name) ?? 0) + 1 - keptShare);
  if (shares.size <= mostNames) return;
  let rarest = name;
  for (const [each, share] of shares) if (each !== name && (rarest === name || share < (shares.get(rarest) ?? 0))) rarest = each;
  shares.delete(rarest);
}
