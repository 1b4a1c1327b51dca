// Moments for people. Every function takes the zone and, where it matters, now.

export type Zone = 'local' | 'UTC';

const zoneOf = (zone: Zone) => (zone === 'UTC' ? 'UTC' : undefined);

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: Zone, parts: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(parts);
  let f = formats.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat('en-GB', { timeZone: zoneOf(zone), hourCycle: 'h23', ...parts });
    formats.set(key, f);
  }
  return f;
}

/** Milliseconds of an RFC 3339 time; NaN for none, and for Go's zero time. */
export function ms(t: string | undefined | null): number {
  if (!t || t.startsWith('0001-')) return Number.NaN;
  return Date.parse(t);
}

export const clock = (at: number, zone: Zone) =>
  format(zone, { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(at);

export const clockShort = (at: number, zone: Zone) => format(zone, { hour: '2-digit', minute: '2-digit' }).format(at);

const dayKey = (at: number, zone: Zone) =>
  format(zone, { year: 'numeric', month: '2-digit', day: '2-digit' }).format(at);

/** The time of day, with the date in front when it is not today's. */
export function moment(at: number, zone: Zone, now: number): string {
  if (Number.isNaN(at)) return 'never';
  if (dayKey(at, zone) === dayKey(now, zone)) return clock(at, zone);
  return `${format(zone, { day: 'numeric', month: 'short' }).format(at)} ${clockShort(at, zone)}`;
}

/** Everything there is to know about a moment, for the tooltip. */
export function full(at: number, zone: Zone): string {
  if (Number.isNaN(at)) return 'never';
  return `${format(zone, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' }).format(at)}`;
}

/** A rounded distance: "12 s ago", "in 4 min". */
export function ago(at: number, now: number): string {
  if (Number.isNaN(at)) return 'never';
  const s = Math.round((now - at) / 1000);
  const size = Math.abs(s);
  const text =
    size < 60
      ? `${size} s`
      : size < 3_600
        ? `${Math.floor(size / 60)} min`
        : size < 172_800
          ? `${Math.floor(size / 3_600)} h`
          : `${Math.floor(size / 86_400)} d`;
  if (size < 2) return 'just now';
  return s > 0 ? `${text} ago` : `in ${text}`;
}

/** The offset to a reference moment, signed: "+3 s", "−1 min". */
export function offset(at: number, from: number): string {
  const s = Math.round((at - from) / 1000);
  const size = Math.abs(s);
  const text = size < 120 ? `${size} s` : `${Math.round(size / 60)} min`;
  return s === 0 ? '0 s' : `${s > 0 ? '+' : '−'}${text}`;
}
