import type { ServiceMap } from '../../api/types';
import { percent, plain, seconds } from '../../lib/format';
import { edgeFlow, serviceFlow } from '../../lib/promql';
import { EntityName } from '../entity';
import { HealthMark } from '../mark';
import { Ago } from '../moment';
import { Num } from '../num';
import { DataTable } from '../table';
import classes from './map-table.module.css';

/** The map in rows: each service, then each call. */
export function MapTable({ map }: { map: ServiceMap }) {
  return (
    <div className={classes.tables}>
      <DataTable
        label="Services"
        head={['Service', 'Health', 'Requests', 'Fail', '95 % within', 'Versions', 'Last change']}
        numeric={[2, 3, 4]}
        rows={(map.nodes ?? []).map((n) => {
          const q = serviceFlow(n.entity, map.over);
          return {
            key: n.entity,
            cells: [
              <EntityName key="e" entity={n.entity} />,
              <HealthMark key="h" health={n.health} />,
              <Num key="r" query={q.rate}>
                {plain(n.flow.rate)}/s
              </Num>,
              <Num key="f" query={q.errors}>
                {percent(n.flow.errorRatio)}
              </Num>,
              <Num key="p" query={q.p95}>
                {n.flow.rate > 0 ? seconds(n.flow.p95) : '–'}
              </Num>,
              (n.versions ?? []).map((v) => v.version).join(', '),
              n.lastChange ? (
                <span key="c">
                  {n.lastChange.version || n.lastChange.kind} <Ago at={n.lastChange.at} />
                </span>
              ) : (
                ''
              ),
            ],
          };
        })}
      />
      <DataTable
        label="Calls"
        head={['Caller', 'Called', 'Requests', 'Fail, says the caller', 'Fail, says the called', '95 % within']}
        numeric={[2, 3, 4, 5]}
        rows={(map.edges ?? []).map((e) => {
          const [c, s] = [
            edgeFlow(e.client, e.server, 'client', map.over),
            edgeFlow(e.client, e.server, 'server', map.over),
          ];
          const own = e.clientSide.rate > 0;
          const flow = own ? e.clientSide : e.serverSide;
          return {
            key: `${e.client} ${e.server}`,
            cells: [
              <EntityName key="c" entity={e.client} />,
              <EntityName key="s" entity={e.server} />,
              <Num key="r" query={own ? c.rate : s.rate}>
                {plain(flow.rate)}/s
              </Num>,
              own ? (
                <Num key="fc" query={c.errors}>
                  {percent(e.clientSide.errorRatio)}
                </Num>
              ) : (
                ''
              ),
              e.serverSide.rate > 0 ? (
                <Num key="fs" query={s.errors}>
                  {percent(e.serverSide.errorRatio)}
                </Num>
              ) : (
                ''
              ),
              <Num key="p" query={own ? c.p95 : s.p95}>
                {seconds(flow.p95)}
              </Num>,
            ],
          };
        })}
      />
    </div>
  );
}
