// What the sources' accounts say, in words and in order.
import type { Source } from '../api/types';
import { count, plain, span } from './format';
import { ms } from './time';

/** Milliseconds without a word after which a source is called silent. */
export const quiet = 60_000;

export type SourceState = 'waiting' | 'silent' | 'refused' | 'sends';

/** How long ago something was refused that still counts as now, in milliseconds. */
const recent = 5 * 60_000;

export function sourceState(s: Source, now: number): SourceState {
  const seen = ms(s.lastSeen);
  if (Number.isNaN(seen)) return 'waiting';
  if (now - seen > quiet) return 'silent';
  if ((s.refusals ?? []).some((r) => now - ms(r.at) < recent)) return 'refused';
  return 'sends';
}

export const sourceStateWords: Record<SourceState, string> = {
  waiting: 'Has not sent yet',
  silent: 'Silent',
  refused: 'Refused in part',
  sends: 'Sends',
};

const order: SourceState[] = ['refused', 'silent', 'waiting', 'sends'];

/** Those that need somebody first, then by name. */
export function sortSources(list: Source[], now: number): Source[] {
  const at = (s: Source) => order.indexOf(sourceState(s, now));
  return [...list].sort((a, b) => at(a) - at(b) || a.name.localeCompare(b.name));
}

const words: Record<string, string> = {
  malformed: 'not readable',
  too_large: 'too large',
  too_many: 'too many at once',
  unsupported: 'not taken here',
  labels: 'bad labels',
  value: 'bad values',
  time: 'bad times',
  id: 'no ids',
  temporality: 'deltas',
  native_histogram: 'native histograms',
  exemplar: 'exemplars',
  denied: 'no right token',
  new_series: 'too many new series',
  rate: 'over its limits',
  share: 'over its fair share',
  busy: 'intake busy',
  failed: 'intake failed',
  too_old: 'too old',
  too_new: 'in the future',
  out_of_order: 'out of order',
  conflict: 'another value was there',
  invalid: 'no valid series',
  too_many_series: 'store full of series',
};

export const reasonWords = (reason: string) => words[reason] ?? reason;

export const senderWords: Record<string, string> = {
  otel: 'OpenTelemetry SDK',
  collector: 'OpenTelemetry Collector',
  prometheus: 'Prometheus',
  alertmanager: 'Alertmanager',
  github: 'GitHub',
  gitlab: 'GitLab',
  cloudevents: 'CloudEvents',
  change: 'Changes from a pipeline',
};

/** What a source is, and through which door it comes. */
export function sourceKind(s: Source): string {
  const sender = s.sender ? (senderWords[s.sender] ?? s.sender) : '';
  return [sender, s.kind && `by ${s.kind}`].filter(Boolean).join(', ');
}

/** A rate that nobody has to count digits of. */
export const perSecond = (v: number) =>
  v <= 0 ? '0' : v < 10 ? plain(Number(v.toPrecision(2))) : count(Math.round(v));

export const lagWords = (seconds: number) => (seconds > 0 ? span(seconds) : 'none seen');

const limitWords: [keyof Source['limits'], string][] = [
  ['bytesPerSecond', 'bytes a second'],
  ['itemsPerSecond', 'items a second'],
  ['series', 'series'],
  ['newSeriesPerMinute', 'new series a minute'],
  ['bodies', 'requests at a time'],
];

/** The limits of its own; empty when it has none. */
export const limitsOf = (s: Source) =>
  limitWords.flatMap(([key, what]) => {
    const n = s.limits[key];
    return typeof n === 'number' && n > 0 ? [`${count(n)} ${what}`] : [];
  });
