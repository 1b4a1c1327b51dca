import type { Incident } from '../../api/types';
import { count, percent, plain, span } from '../../lib/format';
import { serviceFlow } from '../../lib/promql';
import { lasted } from '../../lib/sentences';
import { useNowTick } from '../../lib/settings';
import { ms } from '../../lib/time';
import { EntityName } from '../entity';
import { Moment } from '../moment';
import { Num } from '../num';
import classes from './facts.module.css';

/** How bad, where and how long, in figures that open their queries. */
export function Facts({ incident: inc }: { incident: Incident }) {
  const now = useNowTick();
  const { entity, errorRatio, failed, requests, slowdown } = inc.impact;
  const q = serviceFlow(entity);
  const noticed = (ms(inc.opened) - ms(inc.onset)) / 1000;
  return (
    <dl className={classes.facts}>
      <div>
        <dt>Since</dt>
        <dd>
          <Moment at={inc.onset} />
        </dd>
        <dd className="muted small">noticed after {span(noticed)}</dd>
      </div>
      <div>
        <dt>{inc.state === 'open' ? 'Lasts' : 'Lasted'}</dt>
        <dd>{span(lasted(inc, now))}</dd>
        {inc.state === 'resolved' && (
          <dd className="muted small">
            until <Moment at={inc.resolved} />
          </dd>
        )}
      </div>
      <div>
        <dt>Felt at</dt>
        <dd>
          <EntityName entity={entity} />
        </dd>
        <dd className="muted small">outermost service affected</dd>
      </div>
      <div>
        <dt>{inc.state === 'open' ? 'Fails now' : 'Failed at last'}</dt>
        <dd data-harm={(inc.state === 'open' && errorRatio >= 0.01) || undefined}>
          <Num query={q.errors}>{percent(errorRatio)}</Num>
        </dd>
        <dd className="muted small">of its requests</dd>
      </div>
      <div>
        <dt>Failed requests</dt>
        <dd>
          <Num query={q.rate}>{count(failed)}</Num>
        </dd>
        <dd className="muted small">of {count(requests)}, above the usual</dd>
      </div>
      <div>
        <dt>Duration</dt>
        <dd>
          <Num query={q.p95}>{slowdown > 0 ? `× ${plain(Number(slowdown.toPrecision(2)))}` : 'not known'}</Num>
        </dd>
        <dd className="muted small">against the usual</dd>
      </div>
    </dl>
  );
}
