import { useEffect, useMemo, useRef } from 'react';
import type { MapEdge, MapNode } from '../../api/types';
import { read, write } from '../../lib/settings';
import { remember, type Topology } from '../../lib/topology';

const store = 'steersman-topology';
const nothing: Topology = { nodes: {}, edges: {} };

function recall(): Topology {
  try {
    const t = JSON.parse(read(store) ?? '') as Topology;
    return t && typeof t.nodes === 'object' && typeof t.edges === 'object' ? t : nothing;
  } catch {
    return nothing;
  }
}

/** Everything that has a place: what is on the map, and what was until lately. */
export function useTopology(nodes: MapNode[], edges: MapEdge[], at: number) {
  const kept = useRef<Topology | undefined>(undefined);
  kept.current ??= recall();
  const next = remember(
    kept.current,
    nodes.map((n) => n.entity),
    edges,
    at,
  );
  kept.current = next;
  const ids = [...Object.keys(next.nodes), ...Object.keys(next.edges).flatMap((k) => k.split('\n'))];
  const key = JSON.stringify([[...new Set(ids)].sort(), Object.keys(next.edges).sort()]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: written when who and what changes, not when figures do
  useEffect(() => write(store, JSON.stringify(next)), [key]);
  return useMemo(() => {
    const [names, pairs] = JSON.parse(key) as [string[], string[]];
    const calls = pairs.map((p) => {
      const [client = '', server = ''] = p.split('\n');
      return { client, server };
    });
    return { nodes: names, calls };
  }, [key]);
}
