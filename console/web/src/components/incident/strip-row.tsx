import { useMemo, useState } from 'react';
import type { Range } from '../../api/prom';
import { useRange } from '../../api/queries';
import type { Finding } from '../../api/types';
import { align } from '../../lib/chart-data';
import { entityName } from '../../lib/entity';
import { withUnit } from '../../lib/format';
import { findingSentence, sideWords, signalName } from '../../lib/sentences';
import { useSettings } from '../../lib/settings';
import { clock, ms, offset } from '../../lib/time';
import type { Marker } from '../chart/options';
import { Plot } from '../chart/plot';
import { EntityName } from '../entity';
import { Num } from '../num';
import classes from './strip.module.css';

interface Props {
  finding: Finding;
  range: Range;
  onset: number; // of the incident, ms
  changes: Marker[];
}

export function StripRow({ finding: f, range, onset, changes }: Props) {
  const { zone } = useSettings();
  const [at, setAt] = useState<number | null>(null);
  const q = useRange(f.signal.query ?? '', range);
  const columns = useMemo(() => align((q.data ?? []).slice(0, 1), range), [q.data, range]);
  const marks = useMemo<Marker[]>(() => [...changes, { at: ms(f.onset) / 1000, kind: 'onset' }], [changes, f.onset]);
  const band = useMemo(() => ({ low: f.low, high: f.high }), [f.low, f.high]);
  const unit = f.signal.unit ?? '';
  const here = at === null ? undefined : columns[1]?.[at];
  return (
    <li className={classes.row} id={f.id}>
      <div className={classes.label}>
        <span className={classes.name}>
          {f.signal.client ? (
            <>
              {entityName(f.signal.client)} → <EntityName entity={f.signal.entity} />
            </>
          ) : (
            <EntityName entity={f.signal.entity} />
          )}
        </span>
        <span className={classes.signal}>{signalName(f.signal)}</span>
        <span className="muted small">{[offset(ms(f.onset), onset), sideWords(f)].filter(Boolean).join(' · ')}</span>
      </div>
      <div className={classes.plot}>
        <span className="hidden">{findingSentence(f)}</span>
        {q.isError || !f.signal.query || (q.data && q.data.length === 0) ? (
          <p className={classes.none}>
            {q.isError ? 'This query failed; open it to see why.' : 'No samples in this window.'}
          </p>
        ) : (
          <Plot
            columns={columns}
            names={oneLine}
            unit={unit}
            axes={false}
            zone={zone}
            single
            sync="evidence"
            band={band}
            marks={marks}
            from={range.from}
            to={range.to}
            height={48}
            onCursor={setAt}
          />
        )}
      </div>
      <div className={classes.figures}>
        <span>
          {withUnit(f.before, unit)} →{' '}
          <Num query={f.signal.query}>{f.direction === 'absent' ? 'gone' : withUnit(f.now, unit)}</Num>
        </span>
        <span className="muted small">
          {here != null && at !== null
            ? `${clock((columns[0][at] ?? 0) * 1000, zone)}: ${withUnit(here, unit)}`
            : `normal ${withUnit(f.low, unit)} to ${withUnit(f.high, unit)}`}
        </span>
      </div>
    </li>
  );
}

const oneLine = ['value'];
