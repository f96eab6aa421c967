/** The word that was meant, most likely: of a slip of the fingers, not of another word altogether. Pure. */

/** The one of `known` that is nearest to `word`, if it is near, and no other is as near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = word.length < 4 ? 1 : 2;
  const rated = known
    .map(name => ({ name, slips: slipsBetween(word, name) }))
    .filter(({ slips }) => slips <= limit)
    .sort((a, b) => a.slips - b.slips);
  return rated.length > 1 && rated[0]?.slips === rated[1]?.slips ? undefined : rated[0]?.name;
}

/** How many letters were left out, added, mistaken for another, or swapped with the next (optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const differs = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + differs); // all of them filled in before
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, beforeLast[j - 2]! + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!; // rows have one more than b has letters
}
