import { useState } from 'react';
import type { Now, Source } from '../../api/types';
import { count, percent } from '../../lib/format';
import { sourceTrouble } from '../../lib/sentences';
import { useNowTick } from '../../lib/settings';
import { ms } from '../../lib/time';
import { Mark } from '../mark';
import { Ago } from '../moment';
import { Rows, Section } from '../section';
import classes from './now.module.css';

const quiet = 60_000; // ms without a word after which a source is called silent
const first = 8;

/** Who sends data, when it last did, and what was refused. Those in trouble come first, and doors that are shut before all. */
export function Sources({ sources, warnings }: { sources: Source[]; warnings: string[] }) {
  const now = useNowTick(5_000);
  const [all, setAll] = useState(false);
  const silent = (s: Source) => now - ms(s.lastSeen) > quiet;
  const trouble = (s: Source) => Number(silent(s)) + Number(s.refused > 0);
  const sorted = [...sources].sort((a, b) => trouble(b) - trouble(a) || a.name.localeCompare(b.name));
  const shown = all ? sorted : sorted.slice(0, first);
  return (
    <Section title="Sources" count={sources.length}>
      {warnings.map((w) => (
        <div key={w} className={`${classes.warning} small wrap`}>
          <Mark icon="suffers" tone="warn">
            Off
          </Mark>
          <p>{w}</p>
        </div>
      ))}
      {sources.length === 0 && <p className={classes.quiet}>Nobody sends data.</p>}
      <Rows>
        {shown.map((s) => (
          <li key={`${s.kind} ${s.name}`} className={classes.source} title={`${count(s.accepted)} items taken`}>
            <div>
              <span className="wrap">{s.name}</span>
              <span className={silent(s) ? 'small' : 'muted small'}>
                {silent(s) && 'silent, '}
                <Ago at={s.lastSeen} />
              </span>
            </div>
            {s.refused > 0 && <p className="small wrap">{sourceTrouble(s)}</p>}
          </li>
        ))}
      </Rows>
      {sources.length > shown.length && (
        <button type="button" className={classes.more} onClick={() => setAll(true)}>
          Show all {sources.length}
        </button>
      )}
    </Section>
  );
}

/** How much of what comes in is already known well enough to be judged. */
export function Learning({ learning }: { learning: Now['learning'] }) {
  if (!learning || learning.ready >= 0.995) return null;
  return (
    <Section title="Learning what is normal">
      <div className={classes.learning}>
        <span className={classes.bar} aria-hidden="true">
          <span style={{ width: `${Math.min(100, learning.ready * 100)}%` }} />
        </span>
        <p className="small muted">
          {percent(learning.ready)} of the signals have a known normal range. Until theirs is known, Steersman says
          nothing about the others. Since <Ago at={learning.since} />.
        </p>
      </div>
    </Section>
  );
}
