// Colours and dashes of lines. A line is told from its fellows by its dash as
// well as by its colour.

const light = ['#0b5cb8', '#8a4b08', '#4b7a2b', '#7b3fa0', '#0d7a80', '#a03b6b', '#5b6470', '#6b5b00'];
const dark = ['#74b4ff', '#e8a15c', '#9ccc7a', '#c79bea', '#5fc9cf', '#ee9bc0', '#a9b3bd', '#d3c15a'];
const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

export const isDark = () => document.documentElement.getAttribute('data-mantine-color-scheme') === 'dark';

export const lineColour = (i: number, inDark = isDark()): string =>
  (inDark ? dark : light)[i % light.length] ?? '#888888';

export const lineDash = (i: number): number[] =>
  dashes[Math.floor(i / light.length + (i % light.length > 3 ? 1 : 0)) % dashes.length] ?? [];

/** A token of the theme, as it is now. */
export const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
