import { Link } from 'wouter';
import type { Incident } from '../../api/types';
import { counted, percent, span } from '../../lib/format';
import { serviceFlow } from '../../lib/promql';
import { causeWords, lasted } from '../../lib/sentences';
import { useNowTick } from '../../lib/settings';
import { IncidentMark } from '../mark';
import { Moment } from '../moment';
import { Num } from '../num';
import classes from './incident-row.module.css';

/** One incident in a list: state, story, size. */
export function IncidentRow({ incident: inc }: { incident: Incident }) {
  const now = useNowTick();
  const open = inc.state === 'open';
  return (
    <li className={classes.row} data-open={open || undefined}>
      <div className={classes.when}>
        <IncidentMark incident={inc} />
        <span className="muted small">
          <Moment at={inc.onset} /> · {span(lasted(inc, now))}
        </span>
      </div>
      <div className={classes.main}>
        <Link href={`/incidents/${encodeURIComponent(inc.id)}`} className={classes.title} data-row>
          {inc.title}
        </Link>
        <p className="muted wrap">{inc.summary}</p>
      </div>
      <dl className={classes.size}>
        <div>
          <dt>{open ? 'Fails now' : 'Failed'}</dt>
          <dd>
            {open ? (
              <Num query={serviceFlow(inc.impact.entity).errors}>{percent(inc.impact.errorRatio)}</Num>
            ) : (
              counted(Math.round(inc.impact.failed), 'request')
            )}
          </dd>
        </div>
        <div>
          <dt>Cause</dt>
          <dd className="wrap">{causeWords(inc)}</dd>
        </div>
      </dl>
    </li>
  );
}
