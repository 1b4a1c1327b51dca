// Which services and calls the map lays out. Places must not jump when a call
// pauses for a minute, so the layout is made for all that was seen of late, and
// what is not there now keeps its place empty.
import type { MapEdge, MapNode, ServiceMap } from '../api/types';
import { parseEntity } from './entity';

export interface Topology {
  /** Entity → when it was last on the map, in milliseconds. */
  nodes: Record<string, number>;
  /** "client server" joined by a newline → when it was last on the map. */
  edges: Record<string, number>;
}

export const edgeKey = (client: string, server: string) => `${client}\n${server}`;

const keepFor = 3_600_000; // ms
const most = 2_000;

/** What is remembered after seeing a map at a moment. A map of other services altogether starts afresh. */
export function remember(
  before: Topology,
  nodes: string[],
  edges: { client: string; server: string }[],
  at: number,
): Topology {
  const known = nodes.filter((n) => before.nodes[n] !== undefined).length;
  const fresh = known * 2 < Math.min(nodes.length, Object.keys(before.nodes).length);
  const old = fresh ? { nodes: {}, edges: {} } : before;
  return {
    nodes: merge(old.nodes, nodes, at),
    edges: merge(
      old.edges,
      edges.map((e) => edgeKey(e.client, e.server)),
      at,
    ),
  };
}

function merge(old: Record<string, number>, seen: string[], at: number): Record<string, number> {
  const out: Record<string, number> = {};
  const current = Object.entries(old).filter(([, t]) => at - t < keepFor);
  for (const [k, t] of current.sort((a, b) => b[1] - a[1]).slice(0, most)) out[k] = t;
  for (const k of seen) out[k] = at;
  return out;
}

export const group = (namespace: string) => `group:${namespace}`;
export const isGroup = (id: string) => id.startsWith('group:');

/** Which box a service is drawn in: its own, or its namespace's while that is closed. */
export function boxOf(entity: string, closed: ReadonlySet<string>): string {
  const ns = entity === '' ? '' : parseEntity(entity).namespace;
  return ns !== '' && closed.has(ns) ? group(ns) : entity;
}

/** The namespaces to close so that at most limit boxes remain; the ones asked for stay open. */
export function closedNamespaces(nodes: MapNode[], open: ReadonlySet<string>, limit = 60): Set<string> {
  if (nodes.length <= limit) return new Set();
  const size = new Map<string, number>();
  for (const n of nodes) {
    const ns = parseEntity(n.entity).namespace;
    if (ns) size.set(ns, (size.get(ns) ?? 0) + 1);
  }
  return new Set([...size].filter(([ns, n]) => n > 1 && !open.has(ns)).map(([ns]) => ns));
}

const severity: Record<string, number> = { cause: 4, suffers: 3, silent: 2, learning: 1, healthy: 0 };

/** The map with closed namespaces drawn as one box each. Calls inside of a box are not drawn. */
export function collapse(map: ServiceMap, closed: ReadonlySet<string>): { nodes: MapNode[]; edges: MapEdge[] } {
  const nodes = map.nodes ?? [];
  const edges = map.edges ?? [];
  if (closed.size === 0) return { nodes, edges };
  const boxes = new Map<string, MapNode>();
  for (const n of nodes) {
    const id = boxOf(n.entity, closed);
    const box = boxes.get(id);
    boxes.set(id, box ? join(box, n) : { ...n, entity: id, versions: isGroup(id) ? [] : n.versions });
  }
  const lines = new Map<string, MapEdge>();
  for (const e of edges) {
    const [client, server] = [boxOf(e.client, closed), boxOf(e.server, closed)];
    if (client === server && isGroup(client)) continue;
    const line = lines.get(edgeKey(client, server));
    lines.set(edgeKey(client, server), {
      client,
      server,
      clientSide: line ? addFlow(line.clientSide, e.clientSide) : e.clientSide,
      serverSide: line ? addFlow(line.serverSide, e.serverSide) : e.serverSide,
    });
  }
  return { nodes: [...boxes.values()], edges: [...lines.values()] };
}

function join(a: MapNode, b: MapNode): MapNode {
  const worst = (severity[b.health] ?? 0) > (severity[a.health] ?? 0) ? b : a;
  const later = (b.lastChange?.at ?? '') > (a.lastChange?.at ?? '') ? b.lastChange : a.lastChange;
  return {
    ...a,
    flow: addFlow(a.flow, b.flow),
    health: worst.health,
    incident: worst.incident,
    lastChange: later,
    lastSeen: a.lastSeen > b.lastSeen ? a.lastSeen : b.lastSeen,
  };
}

/** Rates add up, error ratios are weighed by rate; of durations the slowest is kept, as quantiles do not add. */
function addFlow(a: MapNode['flow'], b: MapNode['flow']): MapNode['flow'] {
  const rate = a.rate + b.rate;
  return {
    rate,
    errorRatio: rate > 0 ? (a.errorRatio * a.rate + b.errorRatio * b.rate) / rate : 0,
    p50: Math.max(a.p50, b.p50),
    p95: Math.max(a.p95, b.p95),
  };
}
