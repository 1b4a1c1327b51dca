// Two states side by side.

export interface Changed {
  name: string;
  before: string;
  after: string;
  changed: boolean;
}

type State = Record<string, string> | null | undefined;

/** Every name of either state in order, with what it was and what it is. */
export function changes(before: State, after: State): Changed[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  return names.map((name) => {
    const [was, is] = [before?.[name] ?? 'none', after?.[name] ?? 'none'];
    return { name, before: was, after: is, changed: was !== is };
  });
}
