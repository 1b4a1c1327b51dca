// The Prometheus HTTP API, as far as charts and Explore need it.
import { get, Problem } from './client';

export interface Series {
  labels: Record<string, string>;
  /** Unix seconds and values, in order of time; null where the sample is not a finite number. */
  t: number[];
  v: (number | null)[];
}

export interface Range {
  from: number;
  to: number;
  step: number;
}

interface Answer {
  status: string;
  error?: string;
  data: { resultType: string; result: unknown };
}

const number = (s: string): number | null => {
  const v = Number(s);
  return Number.isFinite(v) ? v : null;
};

async function ask(path: string, params: Record<string, string>, signal?: AbortSignal): Promise<Answer['data']> {
  const a = await get<Answer>(`/api/v1/${path}?${new URLSearchParams(params)}`, signal);
  if (a.status !== 'success') throw new Problem(422, 'The query failed', a.error ?? '');
  return a.data;
}

export async function queryRange(query: string, r: Range, signal?: AbortSignal): Promise<Series[]> {
  const data = await ask(
    'query_range',
    { query, start: String(r.from), end: String(r.to), step: String(r.step) },
    signal,
  );
  const rows = data.result as { metric: Record<string, string>; values: [number, string][] }[];
  return rows.map((row) => ({
    labels: row.metric,
    t: row.values.map((p) => p[0]),
    v: row.values.map((p) => number(p[1])),
  }));
}

export interface Sample {
  labels: Record<string, string>;
  at: number;
  value: string;
}

/** The value of query at one moment; a scalar comes as one sample without labels. */
export async function queryInstant(query: string, at: number, signal?: AbortSignal): Promise<Sample[]> {
  const data = await ask('query', { query, time: String(at) }, signal);
  if (data.resultType === 'scalar' || data.resultType === 'string') {
    const [t, v] = data.result as [number, string];
    return [{ labels: {}, at: t, value: v }];
  }
  if (data.resultType === 'matrix') {
    const rows = data.result as { metric: Record<string, string>; values: [number, string][] }[];
    return rows.flatMap((row) => row.values.slice(-1).map(([at, value]) => ({ labels: row.metric, at, value })));
  }
  const rows = data.result as { metric: Record<string, string>; value: [number, string] }[];
  return rows.map((row) => ({ labels: row.metric, at: row.value[0], value: row.value[1] }));
}
