// Which stretch of time a chart shows.

import type { Range } from '../api/prom';
import type { Incident } from '../api/types';
import { ms } from './time';

/** A step that gives at most some 300 points and falls on round seconds. */
export function stepFor(seconds: number): number {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400];
  return steps.find((s) => seconds / s <= 300) ?? 86_400;
}

export function rangeOf(fromMs: number, toMs: number): Range {
  const step = stepFor((toMs - fromMs) / 1000);
  const snap = (t: number) => Math.floor(t / 1000 / step) * step;
  return { from: snap(fromMs), to: snap(toMs), step };
}

/** The window of an incident: calm before it, all of it, and what came after. now is in whole ticks. */
export function incidentWindow(inc: Incident, now: number): Range {
  const onsets = [ms(inc.onset), ...(inc.findings ?? []).map((f) => ms(f.onset))].filter(Number.isFinite);
  const first = Math.min(...onsets);
  const resolved = ms(inc.resolved);
  const last = inc.state === 'resolved' && Number.isFinite(resolved) ? Math.min(now, resolved + 60_000) : now;
  const before = Math.min(30 * 60_000, Math.max(3 * 60_000, (last - first) / 2));
  const changes = (inc.changes ?? []).map((c) => ms(c.at) - 20_000).filter((t) => t > first - 3 * before);
  return rangeOf(Math.min(first - before, ...changes), Math.max(last, first + 60_000));
}
