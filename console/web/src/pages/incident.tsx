import { useDecisions, useIncident } from '../api/queries';
import type { Incident } from '../api/types';
import { DecisionRow } from '../components/decision/decision-row';
import { Causes, RuledOut } from '../components/incident/causes';
import { ChangeList } from '../components/incident/change-list';
import { Facts } from '../components/incident/facts';
import { Strip } from '../components/incident/strip';
import { IncidentMark } from '../components/mark';
import { Page } from '../components/page';
import { Rows, Section } from '../components/section';
import { Empty, Failure, Loading } from '../components/states';

export function IncidentPage({ id }: { id: string }) {
  const q = useIncident(id);
  if (q.data) return <Story incident={q.data} />;
  return (
    <Page title="Incident">
      <Section title="Incident" bare>
        {q.isError ? (
          <Failure error={q.error} what="incident" retry={() => q.refetch()} />
        ) : (
          <Loading rows={8} what="the incident" />
        )}
      </Section>
    </Page>
  );
}

function Story({ incident: inc }: { incident: Incident }) {
  const changes = inc.changes ?? [];
  const out = inc.ruledOut ?? [];
  return (
    <Page title={inc.title} lead={inc.summary} actions={<IncidentMark incident={inc} />}>
      <Facts incident={inc} />
      <Proposals id={inc.id} />
      <Strip incident={inc} />
      <Causes incident={inc} />
      {out.length > 0 && <RuledOut causes={out} />}
      {changes.length > 0 && <ChangeList changes={changes} onset={inc.onset} />}
      <p className="muted small">
        Incident <span className="mono">{inc.id}</span>
      </p>
    </Page>
  );
}

function Proposals({ id }: { id: string }) {
  const q = useDecisions(false, id);
  const list = q.data ?? [];
  return (
    <Section title="What could be done" count={list.length}>
      {q.isError ? (
        <Failure error={q.error} what="proposals" retry={() => q.refetch()} />
      ) : q.isPending ? (
        <Loading rows={1} what="proposals" />
      ) : list.length === 0 ? (
        <Empty title="Nothing is proposed.">
          Steersman proposes only what its configured actuators can do and its evidence supports.
        </Empty>
      ) : (
        <Rows>
          {list.map((d) => (
            <DecisionRow key={d.proposal.id} decision={d} />
          ))}
        </Rows>
      )}
    </Section>
  );
}
