// The stations of the record up to the choice: seen, rules, alternatives, chosen, blast radius.
import { Link } from 'wouter';
import { useIncident } from '../../api/queries';
import type { Decision } from '../../api/types';
import { percent } from '../../lib/format';
import { exploreLink } from '../../lib/promql';
import { checkSentence, findingSentence, levelWords } from '../../lib/sentences';
import { EntityName } from '../entity';
import { Icon } from '../icon';
import { Moment } from '../moment';
import { Part } from './part';
import classes from './record.module.css';

type Props = { decision: Decision };

export function Seen({ decision: d }: Props) {
  const inc = useIncident(d.proposal.incident).data;
  const ids = new Set(d.proposal.evidence ?? []);
  const findings = (inc?.findings ?? []).filter((f) => ids.has(f.id));
  const missing = ids.size - findings.length;
  return (
    <Part title="Seen">
      {inc && (
        <p>
          <Link href={`/incidents/${encodeURIComponent(inc.id)}`} className="link wrap">
            {inc.title}
          </Link>
        </p>
      )}
      <ul className={classes.list}>
        {findings.map((f) => (
          <li key={f.id} className="wrap">
            <Moment at={f.onset} /> · {findingSentence(f)}{' '}
            {f.signal.query && (
              <Link href={exploreLink(f.signal.query)} className="link small" aria-label={`Query of ${f.signal.name}`}>
                query
              </Link>
            )}
          </li>
        ))}
      </ul>
      {missing > 0 && (
        <p className="muted small">
          {missing} more {missing === 1 ? 'finding' : 'findings'}, by id in the ledger.
        </p>
      )}
      <p className="muted small">The proposal is {percent(d.proposal.confidence)} confident in its cause.</p>
    </Part>
  );
}

export function Rules({ decision: d }: Props) {
  const v = d.verdict;
  if (!v) {
    return (
      <Part title="Rules that applied" pending>
        <p className="muted">Not judged yet.</p>
      </Part>
    );
  }
  return (
    <Part title="Rules that applied">
      <ul className={classes.rules}>
        {(v.rules ?? []).map((r) => (
          <li key={r.name}>
            <Icon name={r.pass ? 'check' : 'cross'} size={14} />
            <span>
              {r.name}
              <span className={r.pass ? 'hidden' : classes.fails}> {r.pass ? 'passes' : 'does not pass'}</span>
            </span>
            <span className="wrap muted">{r.text}</span>
          </li>
        ))}
      </ul>
      <p className="wrap">
        {v.allowed ? 'Allowed' : 'Not allowed'}
        {v.allowed && v.needsApproval && ' after a person agrees'}: {v.why}
      </p>
      <p className="muted small">
        Autonomy in force: {v.level}, {levelWords[v.level] ?? 'unknown'}.
      </p>
    </Part>
  );
}

export function Alternatives({ decision: d }: Props) {
  const list = d.proposal.alternatives ?? [];
  return (
    <Part title="Alternatives">
      {list.length === 0 && <p className="muted">None was weighed.</p>}
      <ul className={classes.list}>
        {list.map((a) => (
          <li key={a.title} className="wrap">
            <strong>{a.title}</strong>
            <br />
            <span className="muted">{a.why}</span>
          </li>
        ))}
      </ul>
    </Part>
  );
}

export function Chosen({ decision: d }: Props) {
  const { action, check, expected, title } = d.proposal;
  const params = Object.entries(action.params ?? {});
  return (
    <Part title="Chosen">
      <p className="wrap">
        <strong>{title}</strong>
      </p>
      <p className="wrap muted">
        <code>{action.kind}</code> through <code>{action.target}</code> on <EntityName entity={action.entity} />
        {params.length > 0 && `: ${params.map(([k, v]) => `${k} = ${v}`).join(', ')}`}
      </p>
      <p className="wrap">Expected: {expected}</p>
      <p className="wrap">
        Checked by{' '}
        <Link href={exploreLink(check.query)} className="link mono wrap">
          {check.query}
        </Link>
        . {checkSentence(d)}
      </p>
    </Part>
  );
}

export function Blast({ decision: d }: Props) {
  const b = d.verdict?.blast;
  return (
    <Part title="Blast radius" pending={!b}>
      {!b ? (
        <p className="muted">Not reckoned yet.</p>
      ) : (
        <>
          <p className="wrap">
            <strong>{percent(b.share)}</strong> of the service: {b.text}
          </p>
          {(b.entities ?? []).length > 0 && (
            <p className="muted small wrap">
              {(b.entities ?? []).map((e, i) => (
                <span key={e}>
                  {i > 0 && ', '}
                  <EntityName entity={e} />
                </span>
              ))}
            </p>
          )}
        </>
      )}
    </Part>
  );
}
