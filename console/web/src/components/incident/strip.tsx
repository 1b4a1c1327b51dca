import { useMemo, useState } from 'react';
import type { Incident } from '../../api/types';
import { counted, span } from '../../lib/format';
import { incidentWindow } from '../../lib/query-window';
import { useNowTick, useSettings } from '../../lib/settings';
import { clock, clockShort, ms } from '../../lib/time';
import { useParam } from '../../lib/url';
import type { Marker } from '../chart/options';
import { TwinToggle } from '../chart/toggle';
import { Section } from '../section';
import classes from './strip.module.css';
import { StripRow } from './strip-row';
import { StripTable } from './strip-table';

const first = 12;

/** The evidence strip: one row for each signal, in order of onset, on one axis of time. */
export function Strip({ incident: inc }: { incident: Incident }) {
  const [view, setView] = useParam('view', 'strip');
  const [all, setAll] = useState(false);
  const tick = useNowTick(5_000);
  const now = inc.state === 'open' ? tick : Math.min(tick, (ms(inc.resolved) || ms(inc.updated)) + 60_000);
  const range = useMemo(() => incidentWindow(inc, now), [inc, now]);
  const findings = inc.findings ?? [];
  const shown = all ? findings : findings.slice(0, first);
  const changes = useMemo<Marker[]>(
    () => (inc.changes ?? []).map((c) => ({ at: ms(c.at) / 1000, kind: 'change' })),
    [inc.changes],
  );
  const table = view === 'table';
  return (
    <Section
      title="Evidence, in order of onset"
      count={findings.length}
      aside={<TwinToggle picture="Strip" table={table} onChange={(t) => setView(t ? 'table' : 'strip')} />}
    >
      <p className={classes.summary}>{summary(inc)}</p>
      {table ? (
        <StripTable incident={inc} />
      ) : (
        <>
          <Axis from={range.from} to={range.to} incident={inc} />
          <ol>
            {shown.map((f) => (
              <StripRow key={f.id} finding={f} range={range} onset={ms(inc.onset)} changes={changes} />
            ))}
          </ol>
          {findings.length > shown.length && (
            <button type="button" className={classes.more} onClick={() => setAll(true)}>
              Show all {findings.length} signals
            </button>
          )}
        </>
      )}
    </Section>
  );
}

function summary(inc: Incident): string {
  const findings = inc.findings ?? [];
  if (findings.length === 0) return 'No signal is on record for this incident.';
  const onsets = findings.map((f) => ms(f.onset));
  const width = (Math.max(...onsets) - Math.min(...onsets)) / 1000;
  const still = findings.filter((f) => Number.isNaN(ms(f.ended))).length;
  const changes = inc.changes?.length ?? 0;
  return [
    `${counted(findings.length, 'signal')} left ${findings.length === 1 ? 'its' : 'their'} normal range ${width < 1 ? 'in the same second' : `within ${span(width)}`}`,
    still > 0 ? `${still === findings.length ? 'all' : still} still outside` : 'all are back',
    changes > 0 ? `${counted(changes, 'change')} on these services` : 'no change on these services',
  ]
    .join('; ')
    .concat('. The band is the normal range, ▼ the onset, ◆ a change.');
}

/** The shared axis: times, and the names of the changes over their marks. */
function Axis({ from, to, incident: inc }: { from: number; to: number; incident: Incident }) {
  const { zone } = useSettings();
  const show = (to - from) / 4 < 600 ? clock : clockShort;
  const place = (t: number) => `${Math.min(100, Math.max(0, ((t - from) / (to - from)) * 100))}%`;
  return (
    <div className={classes.axis}>
      <div className={classes.times}>
        {[0, 0.25, 0.5, 0.75, 1].map((k) => (
          <span key={k} style={{ left: `${k * 100}%` }} data-edge={k === 0 ? 'first' : k === 1 ? 'last' : undefined}>
            {show((from + k * (to - from)) * 1000, zone)}
          </span>
        ))}
        {(inc.changes ?? []).slice(0, 6).map((c) => (
          <span key={c.id} className={classes.change} style={{ left: place(ms(c.at) / 1000) }}>
            ◆ {c.version || c.kind}
          </span>
        ))}
      </div>
    </div>
  );
}
