import { useComputedColorScheme } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { Range, Series } from '../../api/prom';
import { align, seriesNames, stats } from '../../lib/chart-data';
import { withUnit } from '../../lib/format';
import { useSettings } from '../../lib/settings';
import { clock } from '../../lib/time';
import classes from './chart.module.css';
import { lineColour, lineDash } from './ink';
import { Plot } from './plot';
import { PointTable } from './point-table';

interface Props {
  series: Series[];
  range: Range;
  unit?: string;
  height?: number;
  table: boolean;
}

const most = 40; // lines; more are a wall

/** Series over time, with the sentence and the table that say the same. */
export function Chart({ series, range, unit = '', height = 280, table }: Props) {
  const { zone } = useSettings();
  const [at, setAt] = useState<number | null>(null);
  const shown = useMemo(() => series.slice(0, most), [series]);
  const columns = useMemo(() => align(shown, range), [shown, range]);
  const names = useMemo(() => seriesNames(shown), [shown]);
  const rows = columns.slice(1) as (number | null)[][];
  return (
    <figure className={classes.figure}>
      <figcaption className="muted small">{summary(series.length, names, rows, unit)}</figcaption>
      {table ? (
        <PointTable columns={columns} names={names} unit={unit} />
      ) : (
        <>
          <Plot
            columns={columns}
            names={names}
            unit={unit}
            axes
            zone={zone}
            marks={none}
            from={range.from}
            to={range.to}
            height={height}
            onCursor={setAt}
          />
          <p className={classes.when}>
            {at === null ? 'Last values' : `At ${clock((columns[0][at] ?? 0) * 1000, zone)}`}
          </p>
          <Legend names={names} values={rows.map((r) => (at === null ? stats(r)?.last : r[at]))} unit={unit} />
        </>
      )}
    </figure>
  );
}

const none: never[] = [];

function summary(total: number, names: string[], rows: (number | null)[][], unit: string): string {
  const [first] = rows;
  if (total === 0 || !first) return 'No series.';
  const s = stats(first);
  if (total === 1 && s) {
    return `One series: between ${withUnit(s.min, unit)} and ${withUnit(s.max, unit)}, last ${withUnit(s.last, unit)}.`;
  }
  const lasts = rows.map((r, i) => ({ name: names[i] ?? '', last: stats(r)?.last ?? Number.NEGATIVE_INFINITY }));
  const top = lasts.reduce((a, b) => (b.last > a.last ? b : a));
  const cut = total > rows.length ? ` The first ${rows.length} are drawn.` : '';
  return `${total} series; the highest now is ${top.name} with ${withUnit(top.last, unit)}.${cut}`;
}

function Legend({ names, values, unit }: { names: string[]; values: (number | null | undefined)[]; unit: string }) {
  const dark = useComputedColorScheme('light') === 'dark';
  return (
    <ul className={classes.legend}>
      {names.map((name, i) => (
        <li key={`${i}-${name}`}>
          <svg width="24" height="8" aria-hidden="true">
            <line
              x1="0"
              x2="24"
              y1="4"
              y2="4"
              stroke={lineColour(i, dark)}
              strokeWidth="2"
              strokeDasharray={lineDash(i).join(' ')}
            />
          </svg>
          <span className="wrap">{name}</span>
          <span className={classes.value}>{values[i] == null ? 'none' : withUnit(values[i] as number, unit)}</span>
        </li>
      ))}
    </ul>
  );
}
