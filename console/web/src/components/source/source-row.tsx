import { Link } from 'wouter';
import type { Source } from '../../api/types';
import { count } from '../../lib/format';
import { perSecond, reasonWords, type SourceState, sourceKind, sourceState, sourceStateWords } from '../../lib/sources';
import type { IconName } from '../icon';
import { Mark } from '../mark';
import { Ago } from '../moment';
import classes from './source.module.css';

const marks: Record<SourceState, [IconName, 'warn' | 'quiet' | 'plain']> = {
  trouble: ['suffers', 'warn'],
  read: ['check', 'quiet'],
  waiting: ['wait', 'quiet'],
  silent: ['silent', 'plain'],
  refused: ['suffers', 'warn'],
  sends: ['check', 'quiet'],
};

export function SourceMark({ source, now }: { source: Source; now: number }) {
  const state = sourceState(source, now);
  const [icon, tone] = marks[state];
  return (
    <Mark icon={icon} tone={tone}>
      {sourceStateWords[state]}
    </Mark>
  );
}

export const sourceLink = (name: string) => `/sources?${new URLSearchParams({ source: name })}`;

/** One source in the list: who, how it fares, how much. */
export function SourceRow({ source: s, now }: { source: Source; now: number }) {
  const why = s.refusals?.[0];
  return (
    <li className={classes.row}>
      <div className={classes.state}>
        <SourceMark source={s} now={now} />
        <span className="muted small">
          <Ago at={s.lastSeen} />
        </span>
      </div>
      <div className={classes.who}>
        <Link href={sourceLink(s.name)} className={classes.name} data-row>
          {s.name}
        </Link>
        <span className="muted small wrap">
          {s.reading
            ? s.reading.looked
              ? `${count(s.reading.watched)} of ${count(s.reading.exist)} series are read`
              : 'read by Steersman'
            : [s.named ? 'has a token' : 'without a token', sourceKind(s)].filter(Boolean).join(' · ')}
        </span>
        {s.reading?.trouble && <span className="small wrap">{s.reading.trouble}</span>}
        {why && !s.reading?.trouble && (
          <span className="small wrap">
            {count(s.refused)} refused, {s.refusals && s.refusals.length > 1 && 'mostly '}
            {reasonWords(why.reason)}
            {why.text ? `: ${why.text}` : ''}
          </span>
        )}
      </div>
      <dl className={classes.numbers}>
        <div>
          <dt>A second</dt>
          <dd>{perSecond(s.perSecond)}</dd>
        </div>
        <div>
          <dt>Accepted</dt>
          <dd>{count(s.accepted)}</dd>
        </div>
        <div>
          <dt>Set aside</dt>
          <dd>{count(s.quarantined)}</dd>
        </div>
      </dl>
    </li>
  );
}
