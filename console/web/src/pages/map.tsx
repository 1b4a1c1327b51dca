import { useMemo } from 'react';
import { useMap } from '../api/queries';
import type { ServiceMap } from '../api/types';
import { TwinToggle } from '../components/chart/toggle';
import { Canvas } from '../components/map/canvas';
import { Detail } from '../components/map/detail';
import { Legend } from '../components/map/legend';
import classes from '../components/map/map.module.css';
import { MapTable } from '../components/map/map-table';
import { Page } from '../components/page';
import { Section } from '../components/section';
import { Empty, Failure, Loading } from '../components/states';
import { mapSentence } from '../lib/map-words';
import { closedNamespaces, collapse } from '../lib/topology';
import { useParam } from '../lib/url';

export function MapPage() {
  const q = useMap();
  if (q.data && (q.data.nodes ?? []).length > 0) return <Services map={q.data} />;
  return (
    <Page title="Map">
      <Section title="Services">
        {q.isError ? (
          <Failure error={q.error} what="map" retry={() => q.refetch()} />
        ) : q.data ? (
          <Empty title="No calls seen yet.">
            The map draws itself from traces: send OpenTelemetry spans to port 4318 (HTTP) or 4317 (gRPC). Metrics alone
            do not tell who calls whom.
          </Empty>
        ) : (
          <Loading rows={8} what="the map" />
        )}
      </Section>
    </Page>
  );
}

function Services({ map }: { map: ServiceMap }) {
  const [view, setView] = useParam('view', 'map');
  const [service, setService] = useParam('service');
  const [opened, setOpened] = useParam('open');
  const closed = useMemo(
    () => closedNamespaces(map.nodes ?? [], new Set(opened.split(',').filter(Boolean))),
    [map.nodes, opened],
  );
  const drawn = useMemo(() => collapse(map, closed), [map, closed]);
  const table = view === 'table';
  const chosen = (map.nodes ?? []).find((n) => n.entity === service);
  return (
    <Page title="Map" lead={mapSentence(map)}>
      <Section
        title={`Over the last ${Math.round(map.over)} seconds`}
        aside={<TwinToggle picture="Map" table={table} onChange={(t) => setView(t ? 'table' : 'map')} />}
      >
        {table ? (
          <MapTable map={map} />
        ) : (
          <div className={classes.split} data-chosen={chosen ? true : undefined}>
            <div className={classes.picture}>
              <Canvas
                nodes={drawn.nodes}
                edges={drawn.edges}
                at={map.at}
                chosen={service}
                choose={(e) => setService(e === service ? '' : e)}
                open={(ns) => setOpened([...opened.split(',').filter(Boolean), ns].join(','))}
              />
              <Legend collapsed={closed.size > 0} expanded={opened !== ''} collapse={() => setOpened('')} />
            </div>
            {chosen && <Detail node={chosen} map={map} close={() => setService('')} />}
          </div>
        )}
      </Section>
    </Page>
  );
}
