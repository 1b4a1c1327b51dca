// The way of a line on the map from the right side of the caller to the left side of the callee.
import type { Layout, Point, Size } from './layout';
import { edgeKey } from './topology';

export interface Curve {
  path: string;
  middle: Point;
  end: Point;
  /** The call runs against the direction of the map. */
  back: boolean;
}

export function curve(client: string, server: string, l: Layout, size: Size): Curve | undefined {
  const [from, to] = [l.at.get(client), l.at.get(server)];
  if (!from || !to) return undefined;
  const mid = size.height / 2;
  if (client === server) return loop(from, size);
  const back = from.x >= to.x;
  if (back) {
    const [a, b] = [
      { x: from.x + size.width / 2, y: from.y + size.height },
      { x: to.x + size.width / 2, y: to.y + size.height + 4 },
    ];
    const low = Math.max(a.y, b.y) + 40;
    return {
      path: `M${a.x} ${a.y}C${a.x} ${low} ${b.x} ${low} ${b.x} ${b.y}`,
      middle: { x: Math.round((a.x + b.x) / 2), y: Math.round((a.y + b.y + 6 * low) / 8) },
      end: b,
      back,
    };
  }
  const a = { x: from.x + size.width, y: from.y + mid };
  const b = { x: to.x, y: to.y + mid };
  const via = (l.via.get(edgeKey(client, server)) ?? []).flatMap((p) => [p, { x: p.x + size.width, y: p.y }]);
  const end = { x: b.x - 2, y: b.y };
  const points = [a, ...via, { x: b.x - 8, y: b.y }];
  const last = points[points.length - 2] ?? a;
  return { path: bezier(points), middle: between(last, b), end, back };
}

const between = (a: Point, b: Point): Point => ({ x: Math.round((a.x + b.x) / 2), y: Math.round((a.y + b.y) / 2) });

function bezier(points: Point[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let d = `M${first.x} ${first.y}`;
  let p = first;
  for (const q of rest) {
    const half = (q.x - p.x) / 2;
    d += p.y === q.y ? `L${q.x} ${q.y}` : `C${p.x + half} ${p.y} ${q.x - half} ${q.y} ${q.x} ${q.y}`;
    p = q;
  }
  return d;
}

/** A service that calls itself. */
function loop(at: Point, size: Size): Curve {
  const [x, y] = [at.x + size.width / 2, at.y + size.height];
  return {
    path: `M${x - 24} ${y}c0 18 48 18 48 0`,
    middle: { x, y: y + 14 },
    end: { x: x + 24, y },
    back: false,
  };
}
