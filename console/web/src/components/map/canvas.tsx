import { useElementSize } from '@mantine/hooks';
import { useMemo } from 'react';
import type { MapEdge, MapNode } from '../../api/types';
import { parseEntity } from '../../lib/entity';
import { layout } from '../../lib/layout';
import { ms } from '../../lib/time';
import { edgeKey, isGroup } from '../../lib/topology';
import { Box } from './box';
import { Line } from './line';
import classes from './map.module.css';
import { useTopology } from './use-topology';

export const size = { width: 192, height: 64, gapX: 96, gapY: 24 };
const margin = 24;
const least = 0.72; // a scale below which text cannot be read

interface Props {
  nodes: MapNode[];
  edges: MapEdge[];
  at: string;
  chosen: string;
  choose: (entity: string) => void;
  open: (namespace: string) => void;
}

/** The services as boxes, their calls as lines from left to right. */
export function Canvas({ nodes, edges, at, chosen, choose, open }: Props) {
  const { ref, width } = useElementSize();
  const known = useTopology(nodes, edges, ms(at));
  const places = useMemo(() => layout(known.nodes, known.calls, size), [known]);
  const now = ms(at);
  const busiest = Math.max(1e-9, ...edges.map((e) => Math.max(e.clientSide.rate, e.serverSide.rate)));
  const [w, h] = [places.width + 2 * margin, places.height + 2 * margin];
  const scale = width > 0 ? Math.max(least, Math.min(1, width / w)) : 1;
  const fromOutside = known.nodes.includes('');
  const short = oneNamespace(nodes);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={classes.canvas} ref={ref} tabIndex={0} aria-label="Service map, callers left of what they call">
      <div className={classes.sheet} style={{ width: w * scale, height: h * scale }}>
        <div className={classes.scaled} style={{ width: w, height: h, transform: `scale(${scale})` }}>
          <svg width={w} height={h} className={classes.lines} aria-hidden="true">
            <g transform={`translate(${margin} ${margin})`}>
              {edges.map((e) => (
                <Line
                  key={edgeKey(e.client, e.server)}
                  edge={e}
                  places={places}
                  size={size}
                  busiest={busiest}
                  dim={chosen !== '' && e.client !== chosen && e.server !== chosen}
                />
              ))}
            </g>
          </svg>
          {fromOutside && <Outside place={places.at.get('')} />}
          <ul className={classes.boxes}>
            {nodes.map((n) => {
              const p = places.at.get(n.entity);
              return (
                p && (
                  <li
                    key={n.entity}
                    className={classes.slot}
                    style={{ left: p.x + margin, top: p.y + margin, width: size.width, height: size.height }}
                  >
                    <Box node={n} now={now} short={short} chosen={n.entity === chosen} choose={choose} open={open} />
                  </li>
                )
              );
            })}
          </ul>
        </div>
      </div>
    </section>
  );
}

/** Whether the namespace says nothing because all have the same. */
function oneNamespace(nodes: MapNode[]): boolean {
  return new Set(nodes.map((n) => (isGroup(n.entity) ? n.entity : parseEntity(n.entity).namespace))).size === 1;
}

function Outside({ place }: { place: { x: number; y: number } | undefined }) {
  if (!place) return null;
  return (
    <div
      className={classes.outside}
      style={{ left: place.x + margin, top: place.y + margin, width: size.width, height: size.height }}
    >
      outside
    </div>
  );
}
