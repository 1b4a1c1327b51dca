import { Button } from '@mantine/core';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useSource } from '../api/queries';
import type { Source } from '../api/types';
import { Page } from '../components/page';
import { Section } from '../components/section';
import { ConnectSource } from '../components/source/connect-source';
import { RemoveSource } from '../components/source/remove-source';
import { Refusals, SourceFacts, Steps } from '../components/source/source-facts';
import { SourceReading } from '../components/source/source-reading';
import { SourceMark } from '../components/source/source-row';
import { Failure, Loading } from '../components/states';
import { useNowTick } from '../lib/settings';
import { limitsOf, sourceKind } from '../lib/sources';

export function SourcePage({ name }: { name: string }) {
  const q = useSource(name);
  if (q.data) return <Account source={q.data} />;
  return (
    <Page title="Source">
      <Section title="Source" bare>
        {q.isError ? (
          <Failure error={q.error} what="source" retry={() => q.refetch()} />
        ) : (
          <Loading rows={8} what="the source" />
        )}
      </Section>
    </Page>
  );
}

function token(s: Source): string {
  if (s.reading) return `Steersman reads it at ${s.reading.url}, and writes nothing there.`;
  if (s.configured) return 'Its token is in the configuration file.';
  if (s.named) return 'It has a token of its own.';
  return 'It has no token; its name is what the data says.';
}

function Account({ source: s }: { source: Source }) {
  const now = useNowTick(5_000);
  const [, go] = useLocation();
  const [removing, setRemoving] = useState(false);
  const kind = sourceKind(s);
  const limits = limitsOf(s);
  return (
    <Page
      title={s.name}
      lead={[kind && !s.reading && `${kind}.`, token(s), limits.length > 0 && `It may send ${limits.join(', ')}.`]
        .filter(Boolean)
        .join(' ')}
      actions={
        <>
          <SourceMark source={s} now={now} />
          {s.named && !s.configured && (
            <Button variant="default" size="xs" onClick={() => setRemoving(true)}>
              Take its token away
            </Button>
          )}
        </>
      }
    >
      {s.reading && <SourceReading reading={s.reading} />}
      <SourceFacts source={s} />
      <Refusals title="Refused" list={s.refusals ?? []} none="Nothing was refused." />
      {(s.setAside ?? []).length > 0 && <Refusals title="Set aside" list={s.setAside ?? []} none="" />}
      <Steps source={s} />
      {!s.reading && <ConnectSource source={s.named ? s.name : ''} sender={s.sender ?? doorSender[s.kind] ?? 'otel'} />}
      <p className="small muted">
        <Link href="/sources" className="link">
          All sources
        </Link>
      </p>
      <RemoveSource name={s.name} opened={removing} close={() => setRemoving(false)} gone={() => go('/sources')} />
    </Page>
  );
}

/** What most likely stands behind a door. */
const doorSender: Record<string, string> = { otlp: 'otel', 'remote-write': 'prometheus', hook: 'change' };
