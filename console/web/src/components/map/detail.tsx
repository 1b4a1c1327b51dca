import { ActionIcon } from '@mantine/core';
import { Link } from 'wouter';
import type { MapEdge, MapNode, ServiceMap } from '../../api/types';
import { entityPath } from '../../lib/entity';
import { percent, plain, seconds } from '../../lib/format';
import { edgeFlow, serviceFlow } from '../../lib/promql';
import { EntityName } from '../entity';
import { Icon } from '../icon';
import { HealthMark } from '../mark';
import { Ago } from '../moment';
import { Num } from '../num';
import classes from './map.module.css';

/** All that the map knows of one service. */
export function Detail({ node: n, map, close }: { node: MapNode; map: ServiceMap; close: () => void }) {
  const q = serviceFlow(n.entity, map.over);
  const edges = map.edges ?? [];
  return (
    <section className={classes.detail} aria-label={entityPath(n.entity)}>
      <div className={classes.detailHead}>
        <h2 className="wrap">{entityPath(n.entity)}</h2>
        <ActionIcon variant="subtle" color="gray" size={28} aria-label="Close" onClick={close}>
          <Icon name="cross" />
        </ActionIcon>
      </div>
      <p>
        <HealthMark health={n.health} />
        {n.incident && (
          <>
            {' '}
            <Link href={`/incidents/${encodeURIComponent(n.incident)}`} className="link">
              incident
            </Link>
          </>
        )}
      </p>
      <dl className={classes.figures}>
        <div>
          <dt>Requests</dt>
          <dd>
            <Num query={q.rate}>{plain(n.flow.rate)}/s</Num>
          </dd>
        </div>
        <div>
          <dt>Fail</dt>
          <dd>
            <Num query={q.errors}>{percent(n.flow.errorRatio)}</Num>
          </dd>
        </div>
        <div>
          <dt>95 % within</dt>
          <dd>
            <Num query={q.p95}>{n.flow.rate > 0 ? seconds(n.flow.p95) : '–'}</Num>
          </dd>
        </div>
      </dl>
      {(n.versions ?? []).length > 0 && <Versions node={n} over={map.over} />}
      <Calls title="Called by" edges={edges.filter((e) => e.server === n.entity)} side="client" over={map.over} />
      <Calls title="Calls" edges={edges.filter((e) => e.client === n.entity)} side="server" over={map.over} />
      <p className="muted small wrap">
        Last seen <Ago at={n.lastSeen} />
        {n.lastChange && (
          <>
            ; {n.lastChange.kind} {n.lastChange.version} <Ago at={n.lastChange.at} />
          </>
        )}
      </p>
    </section>
  );
}

function Versions({ node: n, over }: { node: MapNode; over: number }) {
  return (
    <table className={classes.calls}>
      <caption>Versions</caption>
      <Head first="Version" />
      <tbody>
        {(n.versions ?? []).map((v) => {
          const q = serviceFlow(n.entity, over, v.version);
          return <FlowRow key={v.version} name={v.version || 'not told'} flow={v.flow} q={q} />;
        })}
      </tbody>
    </table>
  );
}

interface CallsProps {
  title: string;
  edges: MapEdge[];
  /** Whose name is shown. */
  side: 'client' | 'server';
  over: number;
}

function Calls({ title, edges, side, over }: CallsProps) {
  if (edges.length === 0) return null;
  return (
    <table className={classes.calls}>
      <caption>{title}</caption>
      <Head first="Service" />
      <tbody>
        {edges.map((e) => {
          const other = side === 'client' ? e.client : e.server;
          const measured = e.clientSide.rate > 0 ? 'client' : 'server';
          const flow = measured === 'client' ? e.clientSide : e.serverSide;
          const q = edgeFlow(e.client, e.server, measured, over);
          return <FlowRow key={other} name={<EntityName entity={other} />} flow={flow} q={q} />;
        })}
      </tbody>
    </table>
  );
}

function Head({ first }: { first: string }) {
  return (
    <thead>
      <tr>
        <th scope="col">{first}</th>
        <th scope="col">Rate</th>
        <th scope="col">Fail</th>
        <th scope="col">95 %</th>
      </tr>
    </thead>
  );
}

interface RowProps {
  name: React.ReactNode;
  flow: MapNode['flow'];
  q: { rate: string; errors: string; p95: string };
}

function FlowRow({ name, flow, q }: RowProps) {
  return (
    <tr>
      <th scope="row" className="wrap">
        {name}
      </th>
      <td>
        <Num query={q.rate}>{plain(flow.rate)}/s</Num>
      </td>
      <td className={flow.errorRatio >= 0.01 ? 'harm' : undefined}>
        <Num query={q.errors}>{percent(flow.errorRatio)}</Num>
      </td>
      <td>
        <Num query={q.p95}>{flow.rate > 0 ? seconds(flow.p95) : '–'}</Num>
      </td>
    </tr>
  );
}
