import type { Source, SourceRefusal } from '../../api/types';
import { count } from '../../lib/format';
import { lagWords, perSecond, reasonWords } from '../../lib/sources';
import classes from '../incident/facts.module.css';
import { Ago, Moment } from '../moment';
import { Rows, Section } from '../section';
import { Empty } from '../states';
import own from './source.module.css';

/** What came of everything that it sent, in figures. */
export function SourceFacts({ source: s }: { source: Source }) {
  return (
    <dl className={classes.facts}>
      <Fact title="Last seen" small={<>first {s.firstSeen ? <Moment at={s.firstSeen} /> : 'never'}</>}>
        <Ago at={s.lastSeen} />
      </Fact>
      <Fact title="Items a second" small="over the last minute">
        {perSecond(s.perSecond)}
      </Fact>
      <Fact title="Accepted" small={`of ${count(s.received)} received`}>
        {count(s.accepted)}
      </Fact>
      <Fact title="Refused" small="told to the sender">
        {count(s.refused)}
      </Fact>
      <Fact title="Set aside" small="accepted, not usable">
        {count(s.quarantined)}
      </Fact>
      <Fact title="Lag" small="age of its newest item">
        {lagWords(s.lagSeconds)}
      </Fact>
      <Fact title="Series" small="in the last hours">
        {count(s.series)}
      </Fact>
      <Fact title="Quality" small="0 to 1; below 0.8 a person decides">
        {s.judged ? s.score.toFixed(2) : '–'}
      </Fact>
    </dl>
  );
}

function Fact({ title, small, children }: { title: string; small: React.ReactNode; children: React.ReactNode }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
      <dd className="muted small">{small}</dd>
    </div>
  );
}

/** What was not taken, by reason, with what the sender was told last. */
export function Refusals({ title, list, none }: { title: string; list: SourceRefusal[]; none: string }) {
  return (
    <Section title={title} count={list.length}>
      {list.length === 0 ? (
        <Empty title={none} />
      ) : (
        <Rows>
          {list.map((r) => (
            <li key={r.reason} className={own.refusal}>
              <span className={own.count}>{count(r.count)}</span>
              <span>
                <span className={own.reason}>{reasonWords(r.reason)}</span>
                {r.text && <span className="muted wrap">{r.text}</span>}
              </span>
              <span className="muted small">{r.at && <Ago at={r.at} />}</span>
            </li>
          ))}
        </Rows>
      )}
    </Section>
  );
}

/** What the steps of the quality flagged, the most lately first. */
export function Steps({ source: s }: { source: Source }) {
  const list = (s.steps ?? []).filter((t) => t.flagged > 0).sort((a, b) => b.share - a.share || b.flagged - a.flagged);
  if (list.length === 0) return null;
  return (
    <Section title="Quality" count={list.length}>
      <Rows>
        {list.map((t) => (
          <li key={t.step} className={own.refusal}>
            <span className={own.count}>{count(t.flagged)}</span>
            <span>
              <span className={own.reason}>{t.step}</span>
              <span className="muted wrap">{t.text}</span>
            </span>
            <span className="muted small">{(100 * t.share).toFixed(1)} % lately</span>
          </li>
        ))}
      </Rows>
    </Section>
  );
}
