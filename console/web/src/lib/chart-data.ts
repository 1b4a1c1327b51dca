// Series of one or more queries on one time axis, as uPlot wants them.
import type { Range, Series } from '../api/prom';

export type Columns = [number[], ...(number | null)[][]];

/** Lays the series on the range's steps; a step without a sample is a gap. */
export function align(series: Series[], r: Range): Columns {
  const n = Math.max(0, Math.floor((r.to - r.from) / r.step + 1e-9)) + 1;
  const t = Array.from({ length: n }, (_, i) => r.from + i * r.step);
  const rows = series.map((s) => {
    const row: (number | null)[] = new Array(n).fill(null);
    s.t.forEach((at, i) => {
      const k = Math.round((at - r.from) / r.step);
      if (k >= 0 && k < n) row[k] = s.v[i] ?? null;
    });
    return row;
  });
  return [t, ...rows];
}

/** The name of a series among its fellows: only the labels in which they differ. */
export function seriesNames(series: Series[]): string[] {
  const keys = [...new Set(series.flatMap((s) => Object.keys(s.labels)))].sort();
  const varying = keys.filter((k) => new Set(series.map((s) => s.labels[k] ?? '')).size > 1);
  return series.map((s) => {
    const used = varying.length > 0 ? varying : keys.filter((k) => k === '__name__');
    const text = used
      .map((k) => (k === '__name__' ? (s.labels[k] ?? '') : `${k}=${s.labels[k] ?? ''}`))
      .filter(Boolean);
    return text.join(', ') || s.labels.__name__ || 'value';
  });
}

export interface Stats {
  min: number;
  max: number;
  last: number;
}

export function stats(values: (number | null)[]): Stats | undefined {
  let out: Stats | undefined;
  for (const v of values) {
    if (v === null) continue;
    out = out ? { min: Math.min(out.min, v), max: Math.max(out.max, v), last: v } : { min: v, max: v, last: v };
  }
  return out;
}
