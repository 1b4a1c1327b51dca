import { useMemo } from 'react';
import type { Range } from '../../api/prom';
import { useInstant, useRange } from '../../api/queries';
import { stats } from '../../lib/chart-data';
import { plain } from '../../lib/format';
import { Chart } from '../chart/chart';
import { Empty, Failure, Loading } from '../states';
import { DataTable } from '../table';
import classes from './explore.module.css';

interface Props {
  query: string;
  range: Range;
  table: boolean;
}

const most = 200; // rows

/** What a query gives over a stretch of time, and at its end. */
export function Results({ query, range, table }: Props) {
  const q = useRange(query, range);
  const now = useInstant(query, range.to);
  if (q.isError) return <Failure error={q.error} what="result" retry={() => q.refetch()} />;
  if (!q.data) return <Loading rows={6} what="the result" />;
  if (q.data.length === 0) {
    return (
      <Empty title="No series.">
        Nothing matched in this stretch of time. Check the names and labels, or take a longer one.
      </Empty>
    );
  }
  return (
    <>
      <Chart series={q.data} range={range} table={table} />
      <Values rows={now.data ?? []} ranges={q.data} />
    </>
  );
}

interface ValuesProps {
  rows: { labels: Record<string, string>; value: string }[];
  ranges: { labels: Record<string, string>; v: (number | null)[] }[];
}

function Values({ rows, ranges }: ValuesProps) {
  const spread = useMemo(() => new Map(ranges.map((r) => [JSON.stringify(r.labels), stats(r.v)])), [ranges]);
  return (
    <div className={classes.values}>
      <DataTable
        label="Values at the end"
        head={['Series', 'At the end', 'Least', 'Most']}
        numeric={[1, 2, 3]}
        rows={rows.slice(0, most).map((r) => {
          const s = spread.get(JSON.stringify(r.labels));
          return {
            key: JSON.stringify(r.labels),
            cells: [
              <code key="l" className="wrap">
                {seriesText(r.labels)}
              </code>,
              <span key="v" title={r.value}>
                {plain(Number(r.value))}
              </span>,
              s ? plain(s.min) : '',
              s ? plain(s.max) : '',
            ],
          };
        })}
      />
      {rows.length > most && (
        <p className="muted small">
          The first {most} of {rows.length} are shown.
        </p>
      )}
    </div>
  );
}

function seriesText(labels: Record<string, string>): string {
  const { __name__: name = '', ...rest } = labels;
  const inner = Object.entries(rest).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  return inner.length > 0 || name === '' ? `${name}{${inner.join(', ')}}` : name;
}
