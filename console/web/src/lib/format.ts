// Numbers for people: few digits, the unit always there, a narrow space before it.

const thin = '\u202f';

/** At most three significant digits, thousands grouped, never an exponent below 10^15. */
export function plain(v: number): string {
  if (!Number.isFinite(v)) return Number.isNaN(v) ? 'not a number' : v > 0 ? '+∞' : '−∞';
  const size = Math.abs(v);
  if (size >= 1e15 || (size > 0 && size < 1e-6)) return v.toExponential(2).replace('-', '−');
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  const rounded = size >= 100 ? Math.round(v) : Number(v.toPrecision(3));
  return rounded.toLocaleString('en-GB', { maximumFractionDigits: size >= 1 ? digits : 8 }).replace(/^-/, '−');
}

export function count(v: number): string {
  return Math.round(v).toLocaleString('en-GB');
}

export function percent(ratio: number): string {
  if (!Number.isFinite(ratio)) return plain(ratio);
  const p = ratio * 100;
  const size = Math.abs(p);
  if (size > 0 && size < 0.01) return `<${thin}0.01${thin}%`;
  if (size > 99 && size < 100) return `${(Math.floor(p * 100) / 100).toString()}${thin}%`;
  const digits = size >= 10 || size === 0 ? 0 : size >= 1 ? 1 : 2;
  return `${Number(p.toFixed(digits))}${thin}%`.replace(/^-/, '−');
}

/** A length of time given in seconds, as a service's latency: 340 µs, 12 ms, 1.2 s. */
export function seconds(s: number): string {
  if (!Number.isFinite(s)) return plain(s);
  const size = Math.abs(s);
  if (size === 0) return `0${thin}s`;
  if (size < 0.001) return `${plain(Number((s * 1e6).toPrecision(3)))}${thin}µs`;
  if (size < 1) return `${plain(Number((s * 1e3).toPrecision(3)))}${thin}ms`;
  if (size < 120) return `${plain(Number(s.toPrecision(3)))}${thin}s`;
  return span(s);
}

/** How long something lasted, for sentences: 40 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function span(s: number): string {
  const t = Math.max(0, Math.round(s));
  const [d, h, m] = [Math.floor(t / 86_400), Math.floor(t / 3_600) % 24, Math.floor(t / 60) % 60];
  const part = (n: number, unit: string) => (n > 0 ? ` ${n}${thin}${unit}` : '');
  if (d > 0) return `${d}${thin}d${part(h, 'h')}`;
  if (h > 0) return `${h}${thin}h${part(m, 'min')}`;
  if (m > 0) return `${m}${thin}min${m < 10 ? part(t % 60, 's') : ''}`;
  return `${t}${thin}s`;
}

export function bytes(v: number): string {
  if (!Number.isFinite(v)) return plain(v);
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let x = v;
  let i = 0;
  while (Math.abs(x) >= 1000 && i < units.length - 1) {
    x /= 1000;
    i++;
  }
  return `${plain(x)}${thin}${units[i]}`;
}

/** A value with its unit as the papers name it. */
export function withUnit(v: number, unit = ''): string {
  const perSecond = unit.match(/^(seconds|bytes) per second$/);
  if (perSecond) return `${withUnit(v, perSecond[1])}/s`;
  switch (unit) {
    case 'ratio':
      return percent(v);
    case 'percent':
      return percent(v / 100);
    case 'seconds':
    case 's':
      return seconds(v);
    case 'ms':
      return seconds(v / 1000);
    case 'bytes':
    case 'By':
      return bytes(v);
    case 'requests per second':
    case 'requests/s':
    case 'per second':
      return `${plain(v)}/s`;
    case '':
    case '1':
      return plain(v);
  }
  return `${plain(v)} ${unit}`;
}

export const rate = (v: number) => `${plain(v)}/s`;

/** "1 incident", "3 incidents". */
export const counted = (n: number, one: string, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** A change of size: "12 times", "1.4 times"; empty where there is nothing to compare with. */
export function times(now: number, before: number): string {
  if (!(before > 0) || !Number.isFinite(now)) return '';
  const f = now / before;
  return f >= 1.05 ? `${plain(Number(f.toPrecision(2)))} times` : '';
}
