import type { MapEdge } from '../../api/types';
import { type Curve, curve } from '../../lib/curve';
import { entityName } from '../../lib/entity';
import { percent, plain } from '../../lib/format';
import type { Layout, Size } from '../../lib/layout';
import classes from './map.module.css';

interface Props {
  edge: MapEdge;
  places: Layout;
  size: Size;
  busiest: number;
  dim: boolean;
}

const worth = 0.01; // a share of failures that is written on the line

/** A call: as wide as it is busy, with the share of failures written on it. */
export function Line({ edge: e, places, size, busiest, dim }: Props) {
  const c = curve(e.client, e.server, places, size);
  if (!c) return null;
  const flow = e.clientSide.rate > 0 ? e.clientSide : e.serverSide;
  const width = 1 + 7 * Math.sqrt(flow.rate / busiest);
  const bad = Math.max(e.clientSide.errorRatio, e.serverSide.errorRatio);
  return (
    <g className={classes.line} data-dim={dim || undefined} data-bad={bad >= worth || undefined}>
      <title>
        {`${entityName(e.client)} → ${entityName(e.server)}: ${plain(flow.rate)} requests per second, ${percent(bad)} fail`}
      </title>
      <path d={c.path} strokeWidth={width} strokeDasharray={c.back ? '6 4' : undefined} />
      <Arrow curve={c} width={width} />
      {bad >= worth && <Label curve={c} text={`${percent(bad)} fail`} />}
    </g>
  );
}

function Arrow({ curve: c, width }: { curve: Curve; width: number }) {
  const r = 4 + width / 2;
  const way = c.back ? `l${-r * 0.8} ${r}h${r * 1.6}z` : `l${-r} ${-r * 0.8}v${r * 1.6}z`;
  return <path className={classes.arrow} d={`M${c.end.x} ${c.end.y}${way}`} />;
}

function Label({ curve: c, text }: { curve: Curve; text: string }) {
  const width = 8 + text.length * 6;
  return (
    <g transform={`translate(${c.middle.x} ${c.middle.y})`}>
      <rect className={classes.plate} x={-width / 2} y={-9} width={width} height={18} rx={4} />
      <text className={classes.plateText} textAnchor="middle" dominantBaseline="central">
        {text}
      </text>
    </g>
  );
}
