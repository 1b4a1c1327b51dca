// Finding things by what a person types: words in any order, the start of a
// word counts more than its middle.

/** The items that contain every word typed, best first; all of them when nothing is typed. */
export function matching<T>(items: T[], typed: string, text: (item: T) => string): T[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return items;
  return items
    .map((item, i) => ({ item, i, score: score(text(item).toLowerCase(), words) }))
    .filter((x) => x.score > 0)
    .sort((a, b) => b.score - a.score || a.i - b.i)
    .map((x) => x.item);
}

function score(text: string, words: string[]): number {
  let sum = 0;
  for (const w of words) {
    const at = text.indexOf(w);
    if (at < 0) return 0;
    const start = at === 0 || /[^\p{L}\p{N}]/u.test(text[at - 1] ?? '');
    sum += at === 0 ? 4 : start ? 3 : 1;
  }
  return sum;
}
