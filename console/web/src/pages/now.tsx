import { useMap, useNow } from '../api/queries';
import type { Now } from '../api/types';
import { DecisionRow } from '../components/decision/decision-row';
import { IncidentRow } from '../components/incident/incident-row';
import { Connect } from '../components/now/connect';
import classes from '../components/now/now.module.css';
import { Learning, Sources } from '../components/now/sources';
import { Unusual } from '../components/now/unusual';
import { Page } from '../components/page';
import { Rows, Section } from '../components/section';
import { Failure, Loading } from '../components/states';
import { mapSentence } from '../lib/map-words';
import { nowSentence } from '../lib/now';

export function NowPage() {
  const q = useNow();
  if (q.data) return <Desk now={q.data} />;
  return (
    <Page title="Now">
      <Section title="What needs you" bare>
        {q.isError ? (
          <Failure error={q.error} what="what needs you" retry={() => q.refetch()} />
        ) : (
          <Loading rows={6} what="what needs you" />
        )}
      </Section>
    </Page>
  );
}

function Desk({ now }: { now: Now }) {
  const map = useMap().data;
  const sources = (now.sources ?? []).filter((s) => s.kind !== 'clock');
  const [waiting, open, running, unusual, recent] = [
    now.waiting ?? [],
    now.open ?? [],
    now.running ?? [],
    now.unusual ?? [],
    now.recent ?? [],
  ];
  const virgin = sources.length === 0 && open.length === 0 && recent.length === 0;
  return (
    <Page
      title="Now"
      heading={nowSentence(now)}
      lead={virgin ? 'No data has come in yet.' : map && (map.nodes ?? []).length > 0 ? mapSentence(map) : undefined}
    >
      {virgin ? (
        <Connect />
      ) : (
        <div className={classes.desk}>
          <div className={classes.main}>
            {waiting.length > 0 && (
              <Section title="Waits for you" count={waiting.length} aside={<Hint />}>
                <Rows>
                  {waiting.map((d) => (
                    <DecisionRow key={d.proposal.id} decision={d} />
                  ))}
                </Rows>
              </Section>
            )}
            {open.length > 0 && (
              <Section title="Open incidents" count={open.length}>
                <Rows>
                  {open.map((i) => (
                    <IncidentRow key={i.id} incident={i} />
                  ))}
                </Rows>
              </Section>
            )}
            {running.length > 0 && (
              <Section title="Under way" count={running.length}>
                <Rows>
                  {running.map((d) => (
                    <DecisionRow key={d.proposal.id} decision={d} />
                  ))}
                </Rows>
              </Section>
            )}
            <Unusual findings={unusual} />
            <Section title="Resolved in the last 24 hours" count={recent.length}>
              {recent.length === 0 ? (
                <p className={classes.quiet}>None.</p>
              ) : (
                <Rows>
                  {recent.map((i) => (
                    <IncidentRow key={i.id} incident={i} />
                  ))}
                </Rows>
              )}
            </Section>
          </div>
          <div className={classes.side}>
            <Learning learning={now.learning} />
            <Sources sources={sources} warnings={now.warnings} />
          </div>
        </div>
      )}
    </Page>
  );
}

const Hint = () => (
  <span className={classes.hint}>
    <kbd>j</kbd> <kbd>k</kbd> move, <kbd>a</kbd> approve, <kbd>r</kbd> refuse
  </span>
);
