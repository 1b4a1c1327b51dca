// The stations of the record after the choice: who agreed, result, proof.
import type { Decision } from '../../api/types';
import { plain, span } from '../../lib/format';
import { stateWords } from '../../lib/sentences';
import { ms } from '../../lib/time';
import { Icon } from '../icon';
import { Moment } from '../moment';
import { Num } from '../num';
import { DataTable } from '../table';
import { BeforeAfter } from './before-after';
import { Part } from './part';
import classes from './record.module.css';

type Props = { decision: Decision };

export function Agreed({ decision: d }: Props) {
  const a = d.approval;
  return (
    <Part title="Who agreed" pending={!a}>
      {a ? (
        <p className="wrap">
          <strong>{a.by}</strong> {a.yes ? 'approved' : 'refused'} <Moment at={a.at} />
          {a.why ? `: “${a.why}”` : ', without a word of why.'}
        </p>
      ) : (
        <p className="muted">
          {d.state === 'waiting'
            ? 'Nobody yet. It waits for a person.'
            : d.verdict && !d.verdict.needsApproval
              ? 'Nobody had to: the policy permits it.'
              : 'Nobody.'}
        </p>
      )}
    </Part>
  );
}

export function Result({ decision: d }: Props) {
  const { receipt, dryRun, outcome, undoReceipt } = d;
  return (
    <Part title="Result" pending={!receipt && !outcome}>
      {outcome && (
        <p className="wrap">
          <strong>{outcome.helped ? 'It helped' : 'It did not help'}</strong>: {reason(outcome.text)} (
          {plain(outcome.before)} → <Num query={d.proposal.check.query}>{plain(outcome.after)}</Num>)
        </p>
      )}
      {receipt ? (
        <>
          <p className="wrap">
            {receipt.text}
            {receipt.err && <span className="harm"> {receipt.err}</span>}
          </p>
          <BeforeAfter receipt={receipt} caption={`What was done, in ${took(receipt.started, receipt.finished)}`} />
        </>
      ) : dryRun ? (
        <>
          <p className="muted">Nothing was done yet.</p>
          <BeforeAfter receipt={dryRun} caption="What would change (dry run)" />
        </>
      ) : (
        <p className="muted">Nothing was done{d.state === 'waiting' ? ' yet' : ''}.</p>
      )}
      {undoReceipt && (
        <>
          <p className="wrap">{undoReceipt.text}</p>
          <BeforeAfter receipt={undoReceipt} caption="The way back that was taken" />
        </>
      )}
    </Part>
  );
}

/** The outcome's sentence without the verdict that already stands before it. */
const reason = (text: string) => text.replace(/^it (helped|did not help): /i, '');

const took = (from: string, to: string) => {
  const t = ms(to) - ms(from);
  return t < 1000 ? `${Math.max(0, Math.round(t))} ms` : span(t / 1000);
};

export function Proof({ decision: d }: Props) {
  return (
    <Part title="Proof">
      <DataTable
        label="Steps and their ledger leaves"
        head={['When', 'Step', 'By', 'Why', 'Leaf', 'Hash']}
        numeric={[4]}
        rows={(d.steps ?? []).map((s) => ({
          key: `${s.leaf} ${s.state} ${s.at}`,
          cells: [
            <Moment key="at" at={s.at} />,
            stateWords[s.state] ?? s.state,
            s.by,
            <span key="why" className="wrap">
              {s.why}
            </span>,
            s.leaf,
            <Hash key="hash" hash={s.hash} />,
          ],
        }))}
      />
      {d.warrant && (
        <p className={`${classes.warrant} small`}>
          Warrant <Hash hash={d.warrant} />
        </p>
      )}
      <p className="muted small">
        <code>steersman audit verify</code> checks every leaf offline.
      </p>
    </Part>
  );
}

function Hash({ hash }: { hash: string }) {
  if (!hash) return <span className="muted">none</span>;
  return (
    <button
      type="button"
      className={classes.hash}
      title={`${hash} (copies)`}
      aria-label={`Copy hash ${hash}`}
      onClick={() => navigator.clipboard?.writeText(hash)}
    >
      {hash.slice(0, 12)}… <Icon name="copy" size={12} />
    </button>
  );
}
