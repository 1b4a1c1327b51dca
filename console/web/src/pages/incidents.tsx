import { SegmentedControl } from '@mantine/core';
import { type IncidentFilter, useIncidents } from '../api/queries';
import { IncidentRow } from '../components/incident/incident-row';
import { Page } from '../components/page';
import { Rows, Section } from '../components/section';
import { Empty, Failure, Loading } from '../components/states';
import { useParam } from '../lib/url';

const filters: { value: IncidentFilter; label: string }[] = [
  { value: 'all', label: 'All' },
  { value: 'open', label: 'Open' },
  { value: 'resolved', label: 'Resolved' },
];

const nothing: Record<IncidentFilter, string> = {
  all: 'No incident is on record.',
  open: 'No incident is open.',
  resolved: 'No incident was resolved yet.',
};

export function IncidentsPage() {
  const [state, setState] = useParam('state', 'all');
  const filter = filters.find((f) => f.value === state)?.value ?? 'all';
  const q = useIncidents(filter);
  return (
    <Page
      title="Incidents"
      actions={
        <SegmentedControl data={filters} value={filter} onChange={setState} size="xs" aria-label="Which incidents" />
      }
    >
      <Section
        title={filter === 'all' ? 'Latest first' : `${filter === 'open' ? 'Open' : 'Resolved'}, latest first`}
        count={q.data?.length}
      >
        {q.isError ? (
          <Failure error={q.error} what="incidents" retry={() => q.refetch()} />
        ) : !q.data ? (
          <Loading rows={6} what="incidents" />
        ) : q.data.length === 0 ? (
          <Empty title={nothing[filter]}>
            An incident opens when callers feel something: requests fail, slow down or stop coming.
          </Empty>
        ) : (
          <Rows>
            {q.data.map((i) => (
              <IncidentRow key={i.id} incident={i} />
            ))}
          </Rows>
        )}
      </Section>
    </Page>
  );
}
