import { Select } from '@mantine/core';
import { useState } from 'react';
import { useSnippet } from '../../api/queries';
import { senderWords } from '../../lib/sources';
import { Section } from '../section';
import { Snippet } from '../snippet';
import { Failure, Loading } from '../states';
import classes from './source.module.css';

/** What connects a sender when it is pasted. */
export function ConnectSource({ source, sender }: { source: string; sender: string }) {
  const [kind, setKind] = useState(sender);
  const q = useSnippet(kind, source);
  const kinds = q.data?.kinds ?? [];
  return (
    <Section title={source ? 'Connect it' : 'Connect something'}>
      <div className={classes.connect}>
        {q.isError ? (
          <Failure error={q.error} what="the snippet" retry={() => q.refetch()} />
        ) : !q.data ? (
          <Loading rows={2} what="the snippet" />
        ) : (
          <>
            <Select
              label="What sends"
              data={kinds.map((k) => ({ value: k, label: senderWords[k] ?? k }))}
              value={q.data.kind}
              onChange={(k) => k && setKind(k)}
              allowDeselect={false}
              className={classes.kind}
            />
            <p className="muted">{q.data.where}</p>
            <Snippet code={q.data.text} label={senderWords[q.data.kind] ?? q.data.kind} />
            {q.data.token && (
              <p className="small muted">
                Put the token in the place of {q.data.token}. Steersman does not know it: it was shown once, when it was
                made.
              </p>
            )}
          </>
        )}
      </div>
    </Section>
  );
}
