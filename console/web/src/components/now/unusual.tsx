import { useState } from 'react';
import type { Finding } from '../../api/types';
import { withUnit } from '../../lib/format';
import { findingSentence, signalName } from '../../lib/sentences';
import { EntityName } from '../entity';
import { Ago } from '../moment';
import { Num } from '../num';
import { Rows, Section } from '../section';
import classes from './now.module.css';

const first = 6;

/** What left its normal range without anybody feeling it. */
export function Unusual({ findings }: { findings: Finding[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? findings : findings.slice(0, first);
  return (
    <Section title="Unusual, but nobody feels it" count={findings.length}>
      {findings.length === 0 ? (
        <p className={classes.quiet}>Every signal is in its normal range.</p>
      ) : (
        <Rows>
          {shown.map((f) => (
            <li key={f.id} className={classes.finding}>
              <span className="wrap">
                <EntityName entity={f.signal.entity} /> <span className="muted">{signalName(f.signal)}</span>
                <span className="hidden">. {findingSentence(f)}</span>
              </span>
              <span>
                {withUnit(f.before, f.signal.unit)} →{' '}
                <Num query={f.signal.query}>{f.direction === 'absent' ? 'gone' : withUnit(f.now, f.signal.unit)}</Num>
              </span>
              <span className="muted small">
                since <Ago at={f.onset} />
              </span>
              <span className="muted small">
                normal {withUnit(f.low, f.signal.unit)} to {withUnit(f.high, f.signal.unit)}
              </span>
            </li>
          ))}
        </Rows>
      )}
      {findings.length > shown.length && (
        <button type="button" className={classes.more} onClick={() => setAll(true)}>
          Show all {findings.length}
        </button>
      )}
    </Section>
  );
}
