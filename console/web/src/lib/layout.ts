// Places for the boxes of the service map, by the method of Sugiyama, Tagawa
// and Toda (1981): layers by call direction, few crossings, short lines. The
// same services and calls always give the same places, in whatever order they
// come.

export interface Size {
  width: number;
  height: number;
  gapX: number;
  gapY: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  /** Box → its upper left corner. */
  at: Map<string, Point>;
  /** "client\nserver" → the points its line goes through between the boxes. */
  via: Map<string, Point[]>;
  width: number;
  height: number;
}

interface Graph {
  ids: string[];
  out: Map<string, string[]>;
  in: Map<string, string[]>;
}

type Call = { client: string; server: string };

export function layout(nodes: string[], calls: Call[], size: Size): Layout {
  const ids = [...new Set([...nodes, ...calls.flatMap((c) => [c.client, c.server])])].sort();
  const forward = acyclic(ids, calls);
  const layerOf = layers(ids, forward);
  const { graph, rows, chains } = withWaypoints(ids, forward, layerOf);
  for (let i = 0; i < 6; i++) {
    sweep(rows, graph.in);
    sweep(rows.slice().reverse(), graph.out);
  }
  const real = new Set(ids);
  const tall = (id: string) => (real.has(id) ? size.height : 0);
  const ys = columns(rows, graph, tall, size.gapY);
  return place(rows, ys, chains, graph.ids, size);
}

/** Turns round the calls that close a circle, so that the rest has a direction. Calls to oneself go. */
function acyclic(ids: string[], calls: Call[]): Call[] {
  const out = new Map<string, string[]>(ids.map((id) => [id, []]));
  const indegree = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const c of calls) {
    if (c.client === c.server) continue;
    out.get(c.client)?.push(c.server);
    indegree.set(c.server, (indegree.get(c.server) ?? 0) + 1);
  }
  const state = new Map<string, 'open' | 'done'>();
  const edges = new Map<string, Call>();
  const visit = (id: string) => {
    state.set(id, 'open');
    for (const next of [...(out.get(id) ?? [])].sort()) {
      const back = state.get(next) === 'open';
      const call = back ? { client: next, server: id } : { client: id, server: next };
      edges.set(`${call.client}\n${call.server}`, call);
      if (!state.has(next)) visit(next);
    }
    state.set(id, 'done');
  };
  const roots = ids.filter((id) => indegree.get(id) === 0);
  for (const id of [...roots, ...ids]) if (!state.has(id)) visit(id);
  return [...edges.values()];
}

/** The layer of a box is the length of the longest way to it. */
function layers(ids: string[], calls: Call[]): Map<string, number> {
  const incoming = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const c of calls) incoming.get(c.server)?.push(c.client);
  const layer = new Map<string, number>();
  const of = (id: string): number => {
    const known = layer.get(id);
    if (known !== undefined) return known;
    const l = Math.max(-1, ...(incoming.get(id) ?? []).map(of)) + 1;
    layer.set(id, l);
    return l;
  };
  for (const id of ids) of(id);
  return layer;
}

/** Gives a call that skips layers a waypoint in each, so that its line takes part in the ordering. */
function withWaypoints(ids: string[], calls: Call[], layerOf: Map<string, number>) {
  const rows: string[][] = [];
  const graph: Graph = { ids, out: new Map(), in: new Map() };
  const chains = new Map<string, string[]>();
  const put = (id: string, l: number) => {
    while (rows.length <= l) rows.push([]);
    rows[l]?.push(id);
    graph.out.set(id, []);
    graph.in.set(id, []);
  };
  for (const id of ids) put(id, layerOf.get(id) ?? 0);
  for (const c of [...calls].sort((a, b) => cmp(a.client, b.client) || cmp(a.server, b.server))) {
    const [from, to] = [layerOf.get(c.client) ?? 0, layerOf.get(c.server) ?? 0];
    const chain = [c.client];
    for (let l = from + 1; l < to; l++) {
      const w = `${c.client}\n${c.server}\n${l}`;
      put(w, l);
      chain.push(w);
    }
    chain.push(c.server);
    chains.set(`${c.client}\n${c.server}`, chain);
    for (let i = 0; i + 1 < chain.length; i++) {
      graph.out.get(chain[i] ?? '')?.push(chain[i + 1] ?? '');
      graph.in.get(chain[i + 1] ?? '')?.push(chain[i] ?? '');
    }
  }
  return { graph, rows, chains };
}

const cmp = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Orders each row by the mean place of its neighbours in the row before (barycentre). */
function sweep(rows: string[][], neighbours: Map<string, string[]>) {
  for (let l = 1; l < rows.length; l++) {
    const place = new Map((rows[l - 1] ?? []).map((id, i) => [id, i]));
    const row = rows[l] ?? [];
    const weight = new Map(
      row.map((id, i) => {
        const at = (neighbours.get(id) ?? []).map((n) => place.get(n)).filter((p): p is number => p !== undefined);
        return [id, at.length > 0 ? at.reduce((a, b) => a + b, 0) / at.length : i];
      }),
    );
    row.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0) || cmp(a, b));
  }
}

/** Centres of all boxes: each as near to its neighbours' mean as order and gaps permit. */
function columns(rows: string[][], graph: Graph, tall: (id: string) => number, gap: number): Map<string, number> {
  const y = new Map<string, number>();
  for (const row of rows) {
    let top = 0;
    for (const id of row) {
      y.set(id, top + tall(id) / 2);
      top += tall(id) + gap;
    }
  }
  for (let i = 0; i < 12; i++) {
    const down = i % 2 === 0;
    for (const row of down ? rows : rows.slice().reverse()) {
      const wish = row.map((id) => {
        const near = (down ? graph.in : graph.out).get(id) ?? [];
        const at = near.length > 0 ? near : ((down ? graph.out : graph.in).get(id) ?? []);
        return at.length > 0 ? at.reduce((sum, n) => sum + (y.get(n) ?? 0), 0) / at.length : (y.get(id) ?? 0);
      });
      const between = row.map((id, k) => (k === 0 ? 0 : (tall(row[k - 1] ?? '') + tall(id)) / 2 + gap));
      apart(wish, between).forEach((v, k) => {
        y.set(row[k] ?? '', v);
      });
    }
  }
  return y;
}

/**
 * The places nearest to the wishes, by least squares, in which each is at
 * least its gap below the one before: isotonic regression by pooling
 * neighbours that are in each other's way.
 */
export function apart(wish: number[], gap: number[]): number[] {
  let sum = 0;
  const shift = gap.map((g) => {
    sum += g;
    return sum;
  });
  const pools: { mean: number; n: number }[] = [];
  wish.forEach((w, i) => {
    pools.push({ mean: w - (shift[i] ?? 0), n: 1 });
    for (let k = pools.length - 1; k > 0; k--) {
      const [a, b] = [pools[k - 1], pools[k]];
      if (!a || !b || a.mean <= b.mean) break;
      pools.splice(k - 1, 2, { mean: (a.mean * a.n + b.mean * b.n) / (a.n + b.n), n: a.n + b.n });
    }
  });
  return pools.flatMap((p) => new Array<number>(p.n).fill(p.mean)).map((m, i) => m + (shift[i] ?? 0));
}

function place(
  rows: string[][],
  ys: Map<string, number>,
  chains: Map<string, string[]>,
  ids: string[],
  size: Size,
): Layout {
  const real = new Set(ids);
  const column = new Map(rows.flatMap((row, l) => row.map((id) => [id, l] as const)));
  const tops = [...ys].map(([id, y]) => y - (real.has(id) ? size.height / 2 : 0));
  const least = tops.length > 0 ? Math.min(...tops) : 0;
  const at = new Map<string, Point>();
  const x = (id: string) => (column.get(id) ?? 0) * (size.width + size.gapX);
  for (const id of ids) at.set(id, { x: x(id), y: Math.round((ys.get(id) ?? 0) - size.height / 2 - least) });
  const via = new Map<string, Point[]>();
  for (const [key, chain] of chains) {
    const middle = chain.slice(1, -1).map((w) => ({ x: x(w), y: Math.round((ys.get(w) ?? 0) - least) }));
    via.set(key, middle);
  }
  const bottom = [...at.values()].map((p) => p.y + size.height).concat([...via.values()].flat().map((p) => p.y));
  return {
    at,
    via,
    width: rows.length > 0 ? rows.length * (size.width + size.gapX) - size.gapX : 0,
    height: Math.max(0, ...bottom),
  };
}
