import type { ReactNode } from 'react';
import classes from './table.module.css';

interface Row {
  key: string;
  cells: ReactNode[];
}

interface Props {
  label: string;
  head: string[];
  rows: Row[];
  /** Columns that hold numbers, to be set flush right. */
  numeric?: number[];
}

/** A table that scrolls within itself where the page is narrow. */
export function DataTable({ label, head, rows, numeric = [] }: Props) {
  const side = (i: number) => (numeric.includes(i) ? classes.number : undefined);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className={classes.box} tabIndex={0} aria-label={label}>
      <table className={classes.table} style={{ minWidth: head.length * 92 }}>
        <thead>
          <tr>
            {head.map((h, i) => (
              <th key={h} scope="col" className={side(i)}>
                {h}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.key}>
              {r.cells.map((c, i) => (
                <td key={head[i]} className={side(i)}>
                  {c}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
