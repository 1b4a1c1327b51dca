import type { Columns } from '../../lib/chart-data';
import { withUnit } from '../../lib/format';
import { useSettings } from '../../lib/settings';
import { clock } from '../../lib/time';
import classes from './chart.module.css';

/** The points of a chart in rows, the latest first. */
export function PointTable({ columns, names, unit }: { columns: Columns; names: string[]; unit: string }) {
  const { zone } = useSettings();
  const [times, ...rows] = columns;
  const order = times.map((_, i) => times.length - 1 - i).filter((i) => rows.some((r) => r[i] != null));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={classes.tableBox} tabIndex={0} aria-label="Values">
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {names.map((n, i) => (
              <th scope="col" key={`${i}-${n}`}>
                {n}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {order.map((i) => (
            <tr key={times[i]}>
              <td>{clock((times[i] ?? 0) * 1000, zone)}</td>
              {rows.map((r, k) => (
                <td key={`${k}-${names[k]}`}>{r[i] == null ? '' : withUnit(r[i] as number, unit)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
