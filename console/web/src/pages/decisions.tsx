import { SegmentedControl } from '@mantine/core';
import { useDecisions } from '../api/queries';
import { DecisionRow } from '../components/decision/decision-row';
import { Page } from '../components/page';
import { Rows, Section } from '../components/section';
import { Empty, Failure, Loading } from '../components/states';
import { useParam } from '../lib/url';

const filters = [
  { value: 'all', label: 'All' },
  { value: 'open', label: 'Not finished' },
];

export function DecisionsPage() {
  const [state, setState] = useParam('state', 'all');
  const open = state === 'open';
  const q = useDecisions(open);
  return (
    <Page
      title="Decisions"
      lead="Everything that was proposed, what became of it, and the proof."
      actions={
        <SegmentedControl
          data={filters}
          value={open ? 'open' : 'all'}
          onChange={setState}
          size="xs"
          aria-label="Which decisions"
        />
      }
    >
      <Section title={open ? 'Not finished' : 'Latest first'} count={q.data?.length}>
        {q.isError ? (
          <Failure error={q.error} what="decisions" retry={() => q.refetch()} />
        ) : !q.data ? (
          <Loading rows={6} what="decisions" />
        ) : q.data.length === 0 ? (
          <Empty title={open ? 'Nothing is under way.' : 'Nothing was ever proposed.'}>
            A proposal comes with an incident whose cause an actuator can undo.
          </Empty>
        ) : (
          <Rows>
            {q.data.map((d) => (
              <DecisionRow key={d.proposal.id} decision={d} />
            ))}
          </Rows>
        )}
      </Section>
    </Page>
  );
}
