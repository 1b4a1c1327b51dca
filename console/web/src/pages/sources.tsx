import { Button } from '@mantine/core';
import { useState } from 'react';
import { useSearchParams } from 'wouter';
import { useSources } from '../api/queries';
import { Icon } from '../components/icon';
import { Mark } from '../components/mark';
import { Page } from '../components/page';
import { Rows, Section } from '../components/section';
import { AddSource } from '../components/source/add-source';
import { ConnectSource } from '../components/source/connect-source';
import classes from '../components/source/source.module.css';
import { SourceRow } from '../components/source/source-row';
import { Empty, Failure, Loading } from '../components/states';
import { useNowTick } from '../lib/settings';
import { sortSources } from '../lib/sources';
import { SourcePage } from './source';

/** All sources, or the one that the address names. Names hold slashes, so they are a parameter. */
export function SourcesPage() {
  const [params] = useSearchParams();
  const name = params.get('source') ?? '';
  return name ? <SourcePage key={name} name={name} /> : <List />;
}

function List() {
  const q = useSources();
  const now = useNowTick(5_000);
  const [adding, setAdding] = useState(false);
  const list = sortSources(q.data?.sources ?? [], now);
  return (
    <Page
      title="Sources"
      lead="Who sends data, how much of it was taken, and what was refused and why."
      actions={
        <Button size="xs" leftSection={<Icon name="source" size={14} />} onClick={() => setAdding(true)}>
          Add a source
        </Button>
      }
    >
      <Section title="All sources" count={q.data && list.length}>
        {q.data?.warnings?.map((w) => (
          <div key={w} className={`${classes.warning} small wrap`}>
            <Mark icon="suffers" tone="warn">
              Off
            </Mark>
            <p>{w}</p>
          </div>
        ))}
        {q.isError ? (
          <Failure error={q.error} what="sources" retry={() => q.refetch()} />
        ) : !q.data ? (
          <Loading rows={6} what="sources" />
        ) : list.length === 0 ? (
          <Empty title="Nobody sends data.">What you have can send it; the text below is to be pasted there.</Empty>
        ) : (
          <Rows>
            {list.map((s) => (
              <SourceRow key={`${s.kind} ${s.name}`} source={s} now={now} />
            ))}
          </Rows>
        )}
      </Section>
      {q.data && <ConnectSource source="" sender="otel" />}
      <AddSource opened={adding} close={() => setAdding(false)} />
    </Page>
  );
}
