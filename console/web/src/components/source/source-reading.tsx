import type { Reading } from '../../api/types';
import { count } from '../../lib/format';
import { leftReason, mebibytes } from '../../lib/sources';
import classes from '../incident/facts.module.css';
import { Mark } from '../mark';
import { Ago } from '../moment';
import { Rows, Section } from '../section';
import { Empty } from '../states';
import own from './source.module.css';

/** What is read of an API that people have already, what that costs it, and what is left out. */
export function SourceReading({ reading: r }: { reading: Reading }) {
  const left = r.left ?? [];
  return (
    <>
      {r.trouble && (
        <div className={`${own.warning} small wrap`}>
          <Mark icon="suffers" tone="warn">
            Cannot be read
          </Mark>
          <p>{r.trouble}</p>
        </div>
      )}
      <dl className={classes.facts}>
        <div>
          <dt>Watched</dt>
          <dd>{count(r.watched)}</dd>
          <dd className="muted small">of {count(r.exist)} series</dd>
        </div>
        <div>
          <dt>Metrics</dt>
          <dd>{count(r.metrics)}</dd>
          <dd className="muted small">of {count(r.jobs)} jobs</dd>
        </div>
        <div>
          <dt>History</dt>
          <dd>{r.behind > 0 ? count(r.behind) : 'read'}</dd>
          <dd className="muted small">{r.behind > 0 ? 'series to go' : 'of all series'}</dd>
        </div>
        <div>
          <dt>Queries</dt>
          <dd>{count(r.queries)}</dd>
          <dd className="muted small">in a minute, of {count(r.queriesPerMinute)}</dd>
        </div>
        <div>
          <dt>Answers</dt>
          <dd>{mebibytes(r.bytes)}</dd>
          <dd className="muted small">in a minute, of {mebibytes(r.bytesPerMinute)}</dd>
        </div>
        <div>
          <dt>Read up to</dt>
          <dd>
            <Ago at={r.upTo} />
          </dd>
          <dd className="muted small">
            chosen <Ago at={r.looked} />
          </dd>
        </div>
      </dl>
      <Section title="Not read" count={left.length}>
        {left.length === 0 ? (
          <Empty title={r.looked ? 'Everything that is there is read.' : 'It is not known yet what is there.'} />
        ) : (
          <Rows>
            {left.map((l) => (
              <li key={l.reason} className={own.refusal}>
                <span className={own.count}>{count(l.series)}</span>
                <span>
                  <span className={own.reason}>{leftReason(l.reason)}</span>
                  <span className="muted wrap">
                    {[...(l.examples ?? []), ...(l.metrics > (l.examples ?? []).length ? ['…'] : [])].join(', ')}
                  </span>
                </span>
                <span className="muted small">{count(l.metrics)} metrics</span>
              </li>
            ))}
          </Rows>
        )}
      </Section>
    </>
  );
}
