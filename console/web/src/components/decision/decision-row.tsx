import { type KeyboardEvent, useState } from 'react';
import { Link } from 'wouter';
import type { Answer } from '../../api/queries';
import type { Decision } from '../../api/types';
import { percent } from '../../lib/format';
import { canAnswer, isDone } from '../../lib/sentences';
import { useSettings } from '../../lib/settings';
import { EntityName } from '../entity';
import { DecisionMark } from '../mark';
import { Ago } from '../moment';
import { AnswerButtons } from './answer-buttons';
import { AnswerDialog } from './answer-dialog';
import classes from './decision.module.css';

/** One decision in a list; a and r answer the one in focus. */
export function DecisionRow({ decision: d }: { decision: Decision }) {
  const [asked, setAsked] = useState<Answer>();
  const { keys } = useSettings();
  const onKey = (e: KeyboardEvent) => {
    const answer = ({ a: 'approve', r: 'refuse' } as const)[e.key];
    if (!answer || !keys || e.ctrlKey || e.metaKey || e.altKey || !canAnswer(d) || asked) return;
    e.preventDefault();
    setAsked(answer);
  };
  const p = d.proposal;
  return (
    <li className={classes.row} onKeyDown={onKey}>
      <div className={classes.rowTop}>
        <DecisionMark state={d.state} />
        <span className="muted small">
          {isDone(d.state) ? (
            <Ago at={d.updated} />
          ) : canAnswer(d) ? (
            <>
              expires <Ago at={p.expires} />
            </>
          ) : (
            <>
              since <Ago at={d.updated} />
            </>
          )}
        </span>
      </div>
      <div className={classes.rowMain}>
        <Link href={`/decisions/${encodeURIComponent(p.id)}`} className={classes.rowTitle} data-row>
          {p.title}
        </Link>
        <p className="wrap muted">{d.outcome?.text || p.why}</p>
        <p className="small muted">
          <EntityName entity={p.action.entity} /> · {percent(p.confidence)} confident
          {d.approval && ` · ${d.approval.yes ? 'agreed' : 'refused'} by ${d.approval.by}`}
        </p>
      </div>
      <div className={classes.rowActions}>
        <AnswerButtons decision={d} ask={setAsked} />
      </div>
      <AnswerDialog decision={d} answer={asked} close={() => setAsked(undefined)} />
    </li>
  );
}
