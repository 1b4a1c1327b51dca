import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Problem } from '../../api/client';
import { type Answer, useAnswer } from '../../api/queries';
import type { Decision, Receipt } from '../../api/types';
import { percent } from '../../lib/format';
import { checkSentence } from '../../lib/sentences';
import { useAnnounce } from '../announcer';
import { Dialog } from '../dialog';
import { Icon } from '../icon';
import { useShell } from '../shell/context';
import { BeforeAfter } from './before-after';
import classes from './decision.module.css';

const words: Record<Answer, { title: string; button: string; done: string }> = {
  approve: { title: 'Approve this?', button: 'Approve', done: 'Approved' },
  refuse: { title: 'Refuse this?', button: 'Refuse', done: 'Refused' },
  revert: { title: 'Take this back?', button: 'Take it back', done: 'Being taken back' },
};

interface Props {
  decision: Decision;
  answer: Answer | undefined;
  close: () => void;
}

/** Shows what an answer will do, and takes it. */
export function AnswerDialog({ decision, answer, close }: Props) {
  return (
    <Dialog opened={answer !== undefined} close={close} title={answer ? words[answer].title : ''} size={560}>
      {answer && <Form decision={decision} answer={answer} close={close} />}
    </Dialog>
  );
}

function Form({ decision, answer, close }: { decision: Decision; answer: Answer; close: () => void }) {
  const [why, setWhy] = useState('');
  const act = useAnswer(decision.proposal.id);
  const announce = useAnnounce();
  const { stop } = useShell();
  const stopped = stop?.engaged === true && answer !== 'refuse';
  const w = words[answer];
  const submit = () =>
    act.mutate(
      { answer, why: why.trim() },
      {
        onSuccess: () => {
          announce(`${w.done}: ${decision.proposal.title}`);
          close();
        },
      },
    );
  return (
    <form
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault();
        if (!stopped) submit();
      }}
    >
      <p className={`${classes.title} wrap`}>{decision.proposal.title}</p>
      <Consequence decision={decision} answer={answer} />
      <TextInput
        label="Why (goes on record)"
        value={why}
        maxLength={500}
        onChange={(e) => setWhy(e.currentTarget.value)}
      />
      {stopped && <p role="alert">All actions are stopped. Resume them first, then answer.</p>}
      {act.isError && (
        <p role="alert" className="harm wrap">
          {explain(act.error)}
        </p>
      )}
      <div className={classes.buttons}>
        <Button variant="default" size="sm" onClick={close}>
          Cancel
        </Button>
        <Button
          type="submit"
          size="sm"
          loading={act.isPending}
          disabled={stopped}
          data-autofocus
          leftSection={<Icon name={answer === 'refuse' ? 'cross' : answer === 'revert' ? 'back' : 'check'} />}
        >
          {w.button}
        </Button>
      </div>
    </form>
  );
}

function explain(err: unknown): string {
  if (!(err instanceof Problem)) return String(err);
  if (err.status === 409) return `It is too late for that: ${err.detail || err.title}`;
  if (err.status === 423) return 'All actions are stopped. Resume them first, then answer.';
  return err.message;
}

/** What follows from the answer. */
function Consequence({ decision: d, answer }: { decision: Decision; answer: Answer }) {
  if (answer === 'refuse')
    return <p className="muted">Nothing is done. The refusal is written down with your reason.</p>;
  if (answer === 'revert') {
    const back = reverse(d);
    return back ? (
      <BeforeAfter receipt={back} caption="What taking it back will change" />
    ) : (
      <p>The way back was written down before acting: {d.undo?.kind}.</p>
    );
  }
  return (
    <>
      {d.dryRun ? (
        <BeforeAfter receipt={d.dryRun} caption="What will change (from a dry run)" />
      ) : (
        <Planned decision={d} />
      )}
      {d.dryRun?.err && <p className="harm wrap">The dry run failed: {d.dryRun.err}</p>}
      <dl className={classes.facts}>
        {d.verdict?.blast && (
          <div>
            <dt>Touches</dt>
            <dd className="wrap">
              {d.verdict.blast.text} ({percent(d.verdict.blast.share)})
            </dd>
          </div>
        )}
        <div>
          <dt>If it is right</dt>
          <dd className="wrap">{d.proposal.expected}</dd>
        </div>
        <div>
          <dt>If not</dt>
          <dd>
            {checkSentence(d)} Otherwise {d.undo ? 'the way back is taken by itself.' : 'a person is asked.'}
          </dd>
        </div>
      </dl>
    </>
  );
}

function Planned({ decision: d }: { decision: Decision }) {
  const params = d.proposal.action.params ?? {};
  return (
    <p className="wrap">
      No dry run is on record yet. The action is <code>{d.proposal.action.kind}</code> on{' '}
      <code>{d.proposal.action.target}</code>
      {Object.keys(params).length > 0 &&
        `: ${Object.entries(params)
          .map(([k, v]) => `${k} = ${v}`)
          .join(', ')}`}
      .
    </p>
  );
}

/** Going back turns the receipt round: from what was left to what was found. */
function reverse(d: Decision): Receipt | undefined {
  if (!d.receipt) return undefined;
  return { ...d.receipt, before: d.receipt.after, after: d.undo?.params ?? d.receipt.before };
}
