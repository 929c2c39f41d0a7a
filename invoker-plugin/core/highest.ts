// The best of many, without sorting all of them.

/** At most `count` of the items, those with the highest score first; of equal ones those that come first. Those without a score are left out. */
export function highest<T>(items: Iterable<T>, count: number, scoreOf: (item: T) => number | undefined): T[] {
  const best: { readonly item: T; readonly score: number }[] = [];
  for (const item of items) {
    const score = scoreOf(item);
    if (score === undefined) continue;
    let index = best.length;
    while (index > 0 && score > (best[index - 1] as { readonly score: number }).score) index -= 1;
    if (index >= count) continue;
    best.splice(index, 0, { item, score });
    if (best.length > count) best.pop();
  }
  return best.map(({ item }) => item);
}
