import { useState } from 'react';
import { Link } from 'wouter';
import { type Answer, useDecision } from '../api/queries';
import type { Decision } from '../api/types';
import { AnswerButtons } from '../components/decision/answer-buttons';
import { AnswerDialog } from '../components/decision/answer-dialog';
import { Alternatives, Blast, Chosen, Rules, Seen } from '../components/decision/reasons';
import classes from '../components/decision/record.module.css';
import { Agreed, Proof, Result } from '../components/decision/results';
import { DecisionMark } from '../components/mark';
import { Moment } from '../components/moment';
import { Page } from '../components/page';
import { Section } from '../components/section';
import { Failure, Loading } from '../components/states';
import { isDone } from '../lib/sentences';

export function DecisionPage({ id }: { id: string }) {
  const q = useDecision(id);
  if (q.data) return <Record decision={q.data} />;
  return (
    <Page title="Decision">
      <Section title="Record" bare>
        {q.isError ? (
          <Failure error={q.error} what="decision" retry={() => q.refetch()} />
        ) : (
          <Loading rows={8} what="the decision" />
        )}
      </Section>
    </Page>
  );
}

function Record({ decision: d }: { decision: Decision }) {
  const [asked, setAsked] = useState<Answer>();
  const p = d.proposal;
  return (
    <Page
      title={p.title}
      lead={p.why}
      actions={
        <>
          <DecisionMark state={d.state} />
          <AnswerButtons decision={d} ask={setAsked} />
        </>
      }
    >
      <p className="muted small wrap">
        Proposed <Moment at={p.created} /> for{' '}
        <Link href={`/incidents/${encodeURIComponent(p.incident)}`} className="link">
          incident {p.incident}
        </Link>
        {!isDone(d.state) && (
          <>
            {' '}
            · expires <Moment at={p.expires} />
          </>
        )}
      </p>
      <ol className={classes.record}>
        <Seen decision={d} />
        <Rules decision={d} />
        <Alternatives decision={d} />
        <Chosen decision={d} />
        <Blast decision={d} />
        <Agreed decision={d} />
        <Result decision={d} />
        <Proof decision={d} />
      </ol>
      <AnswerDialog decision={d} answer={asked} close={() => setAsked(undefined)} />
    </Page>
  );
}
