import { Button, NativeSelect, Textarea } from '@mantine/core';
import { type KeyboardEvent, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import { TwinToggle } from '../components/chart/toggle';
import classes from '../components/explore/explore.module.css';
import { Results } from '../components/explore/results';
import { Page } from '../components/page';
import { Section } from '../components/section';
import { Empty } from '../components/states';
import { rangeOf } from '../lib/query-window';
import { useNowTick } from '../lib/settings';
import { useParam } from '../lib/url';

const spans = [
  { value: '300', label: 'Last 5 minutes' },
  { value: '900', label: 'Last 15 minutes' },
  { value: '3600', label: 'Last hour' },
  { value: '21600', label: 'Last 6 hours' },
  { value: '86400', label: 'Last day' },
  { value: '604800', label: 'Last week' },
];

const examples = [
  ['Requests per second of each service', 'sum by (server) (rate(steersman_edge_requests_total{side="server"}[1m]))'],
  [
    'Share of failed requests of each service',
    'sum by (server) (rate(steersman_edge_errors_total{side="server"}[1m])) / sum by (server) (rate(steersman_edge_requests_total{side="server"}[1m]))',
  ],
  ['Everything that is up', 'up'],
] as const;

/** Any query, as a chart and as numbers. The address holds all of it. */
export function ExplorePage() {
  const [params, setParams] = useSearchParams();
  const [last, setLast] = useParam('last', '900');
  const [view, setView] = useParam('view', 'chart');
  const query = params.get('q') ?? '';
  const [from, to] = [Date.parse(params.get('from') ?? ''), Date.parse(params.get('to') ?? '')];
  const fixed = Number.isFinite(from) && Number.isFinite(to) && to > from;
  const tick = useNowTick(10_000);
  const width = Math.min(31 * 86_400, Math.max(10, Number(last) || 900)) * 1000;
  const range = useMemo(
    () => (fixed ? rangeOf(from, to) : rangeOf(tick - width, tick)),
    [fixed, from, to, tick, width],
  );
  const run = (q: string) =>
    setParams((p) => {
      const next = new URLSearchParams(p);
      if (q.trim()) next.set('q', q.trim());
      else next.delete('q');
      return next;
    });
  const chooseSpan = (v: string) => {
    if (fixed)
      setParams((p) => new URLSearchParams([...p].filter(([k]) => k !== 'from' && k !== 'to').concat([['last', v]])));
    else setLast(v);
  };
  return (
    <Page title="Explore">
      <QueryBox key={query} query={query} run={run} />
      <Section
        title={query ? 'Result' : 'Queries to begin with'}
        aside={
          <div className={classes.controls}>
            <NativeSelect
              size="xs"
              aria-label="Stretch of time"
              value={fixed ? '' : String(width / 1000)}
              onChange={(e) => chooseSpan(e.currentTarget.value)}
              data={[
                ...(fixed ? [{ value: '', label: 'As linked' }] : []),
                ...(spans.some((s) => s.value === String(width / 1000)) || fixed
                  ? spans
                  : [...spans, { value: String(width / 1000), label: `Last ${width / 1000} s` }]),
              ]}
            />
            <TwinToggle picture="Chart" table={view === 'table'} onChange={(t) => setView(t ? 'table' : 'chart')} />
          </div>
        }
      >
        {query ? <Results query={query} range={range} table={view === 'table'} /> : <Examples run={run} />}
      </Section>
    </Page>
  );
}

function Examples({ run }: { run: (q: string) => void }) {
  return (
    <Empty title="Type a PromQL query, or open one of these.">
      <ul className={classes.examples}>
        {examples.map(([words, q]) => (
          <li key={q}>
            <button type="button" onClick={() => run(q)}>
              {words}
            </button>
            <code className="wrap">{q}</code>
          </li>
        ))}
      </ul>
    </Empty>
  );
}

function QueryBox({ query, run }: { query: string; run: (q: string) => void }) {
  const [text, setText] = useState(query);
  useEffect(() => setText(query), [query]);
  const onKey = (e: KeyboardEvent) => {
    if (e.key === 'Enter' && !e.shiftKey) {
      e.preventDefault();
      run(text);
    }
  };
  return (
    <form
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault();
        run(text);
      }}
    >
      <Textarea
        aria-label="PromQL query. Enter runs it, Shift and Enter make a new line."
        placeholder="PromQL"
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        onKeyDown={onKey}
        autosize
        minRows={1}
        maxRows={8}
        className={classes.query}
        spellCheck={false}
      />
      <Button type="submit" size="sm">
        Run
      </Button>
    </form>
  );
}
