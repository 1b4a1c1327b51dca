// What the sources' accounts say, in words and in order.
import type { Source } from '../api/types';
import { count, plain, span } from './format';
import { ms } from './time';

/** Milliseconds without a word after which a source is called silent. */
export const quiet = 60_000;

export type SourceState = 'trouble' | 'waiting' | 'silent' | 'refused' | 'sends' | 'read';

/** How long ago something was refused that still counts as now, in milliseconds. */
const recent = 5 * 60_000;

export function sourceState(s: Source, now: number): SourceState {
  if (s.reading) return s.reading.trouble ? 'trouble' : s.reading.state === 'starting' ? 'waiting' : 'read';
  const seen = ms(s.lastSeen);
  if (Number.isNaN(seen)) return 'waiting';
  if (now - seen > quiet) return 'silent';
  if ((s.refusals ?? []).some((r) => now - ms(r.at) < recent)) return 'refused';
  return 'sends';
}

export const sourceStateWords: Record<SourceState, string> = {
  trouble: 'Cannot be read',
  read: 'Is read',
  waiting: 'Has not sent yet',
  silent: 'Silent',
  refused: 'Refused in part',
  sends: 'Sends',
};

const order: SourceState[] = ['trouble', 'refused', 'silent', 'waiting', 'sends', 'read'];

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
  unreachable: 'no answer',
  too_old: 'too old',
  too_new: 'in the future',
  out_of_order: 'out of order',
  conflict: 'another value was there',
  invalid: 'no valid series',
  too_many_series: 'store full of series',
};

export const reasonWords = (reason: string) => words[reason] ?? reason;

const leftWords: Record<string, string> = {
  buckets: 'buckets: the sum and the count are read instead',
  constant: 'constant',
  native: 'native histograms',
  own: 'derived by Steersman',
  too_large: 'more than half of the budget alone',
  budget: 'over the budget',
  failing: 'no answer for them',
  too_many: 'more metrics than are looked at',
};

/** Why something is not read. */
export const leftReason = (reason: string) => leftWords[reason] ?? reason;

export const mebibytes = (n: number) => `${plain(Number((n / (1 << 20)).toPrecision(2)))} MiB`;

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
