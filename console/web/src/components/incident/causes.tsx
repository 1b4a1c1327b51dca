import { Link } from 'wouter';
import type { Cause, Evidence, Incident } from '../../api/types';
import { entityName } from '../../lib/entity';
import { percent, withUnit } from '../../lib/format';
import { exploreLink } from '../../lib/promql';
import { EntityName } from '../entity';
import { Num } from '../num';
import { Section } from '../section';
import classes from './causes.module.css';

/** The likely causes with what speaks for and against each, and what is left unexplained. */
export function Causes({ incident: inc }: { incident: Incident }) {
  const causes = inc.causes ?? [];
  return (
    <Section title="Probable causes" count={causes.length}>
      {inc.abstained && (
        <p className={classes.note}>
          <strong>Not enough evidence</strong> to name a cause. What is listed is what was weighed.
        </p>
      )}
      {causes.length === 0 && !inc.abstained && <p className={classes.note}>No cause was weighed yet.</p>}
      <ol>
        {causes.map((c) => (
          <CauseRow key={`${c.entity} ${c.kind} ${c.version ?? ''}`} cause={c} />
        ))}
      </ol>
      {causes.length > 0 && (
        <div className={classes.unknown}>
          <Share value={inc.unknown} />
          <span>None of these</span>
        </div>
      )}
    </Section>
  );
}

function CauseRow({ cause: c }: { cause: Cause }) {
  return (
    <li className={classes.cause}>
      <Share value={c.probability} />
      <div className={classes.body}>
        <h3>
          <EntityName entity={c.entity} />
          {c.version && <span className={classes.version}> {c.version}</span>}
        </h3>
        <p className="wrap">{c.text}</p>
        <div className={classes.sides}>
          <Side title="For" sign="+" items={c.for ?? []} />
          <Side title="Against" sign="−" items={c.against ?? []} />
        </div>
      </div>
    </li>
  );
}

/** A probability as a number and a bar of that length. */
function Share({ value }: { value: number }) {
  return (
    <div className={classes.share}>
      <span>{percent(Math.round(value * 100) / 100)}</span>
      <span className={classes.bar} aria-hidden="true">
        <span style={{ width: `${Math.min(100, Math.max(0, value * 100))}%` }} />
      </span>
    </div>
  );
}

function Side({ title, sign, items }: { title: string; sign: string; items: Evidence[] }) {
  return (
    <div>
      <h4 className={classes.side}>{title}</h4>
      {items.length === 0 ? (
        <p className="muted small">Nothing found.</p>
      ) : (
        <ul>
          {items.map((e) => (
            <li key={e.text} className={classes.evidence}>
              <span aria-hidden="true">{sign}</span>
              <span className="wrap">
                {e.text} <EvidenceFigures evidence={e} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function EvidenceFigures({ evidence: e }: { evidence: Evidence }) {
  if (e.before === 0 && e.now === 0) {
    return e.query ? (
      <Link href={exploreLink(e.query)} className="link small">
        query
      </Link>
    ) : null;
  }
  return (
    <span className="muted">
      ({withUnit(e.before, e.unit)} → <Num query={e.query}>{withUnit(e.now, e.unit)}</Num>)
    </span>
  );
}

/** The cause's sentence without the name that already stands before it. */
function withoutName(c: Cause): string {
  const name = `${entityName(c.entity)}: `;
  return c.text.startsWith(name) ? c.text.slice(name.length) : c.text;
}

/** What was looked at and dismissed. */
export function RuledOut({ causes }: { causes: Cause[] }) {
  return (
    <Section title="Ruled out" count={causes.length}>
      <ul>
        {causes.map((c) => (
          <li key={`${c.entity} ${c.kind} ${c.text}`} className={classes.out}>
            <p className="wrap">
              <EntityName entity={c.entity} />: {withoutName(c)}
            </p>
            {(c.against ?? []).map((e) => (
              <p key={e.text} className="muted wrap small">
                − {c.text.includes(e.text) ? '' : e.text} <EvidenceFigures evidence={e} />
              </p>
            ))}
          </li>
        ))}
      </ul>
    </Section>
  );
}
