import { describe, expect, it } from 'vitest';
import { incident, past } from '../../tests/fixtures/papers';
import { align, seriesNames, stats } from './chart-data';
import { entityName, entityPath, parseEntity } from './entity';
import { matching } from './match';
import { edgeFlow, exploreLink, serviceFlow } from './promql';
import { incidentWindow, rangeOf, stepFor } from './query-window';
import { ago, clock, full, moment, ms, offset } from './time';

describe('entities', () => {
  it('come apart and together', () => {
    expect(parseEntity('service:shop/cart')).toEqual({ kind: 'service', namespace: 'shop', name: 'cart' });
    expect(entityPath('service:shop/cart')).toBe('shop/cart');
    expect(entityName('host:node-1')).toBe('node-1');
    expect(entityName('')).toBe('outside');
  });
});

describe('queries', () => {
  it('select one side, quote what needs quoting, and name the outside by an empty label', () => {
    expect(serviceFlow('service:a"b\\c', 60).rate).toBe(
      'sum(rate(steersman_edge_requests_total{server="a\\"b\\\\c",side="server"}[60s]))',
    );
    expect(edgeFlow('', 'service:shop/x', 'server', 60).rate).toBe(
      'sum(rate(steersman_edge_requests_total{client="",server="x",server_namespace="shop",side="server"}[60s]))',
    );
  });
  it('fit into an address', () => {
    expect(exploreLink('a + b', { from: 0, to: 1000 })).toBe(
      '/explore?q=a+%2B+b&from=1970-01-01T00%3A00%3A00.000Z&to=1970-01-01T00%3A00%3A01.000Z',
    );
  });
});

describe('times', () => {
  const noon = Date.UTC(2026, 10, 24, 12, 0, 5);
  it('say the day only when it is another', () => {
    expect(clock(noon, 'UTC')).toBe('12:00:05');
    expect(moment(noon, 'UTC', noon + 1000)).toBe('12:00:05');
    expect(moment(noon, 'UTC', noon + 86_400_000)).toBe('24 Nov 12:00');
    expect(full(noon, 'UTC')).toContain('UTC');
  });
  it('know Go’s zero time and rubbish', () => {
    expect(ms('0001-01-01T00:00:00Z')).toBeNaN();
    expect(ms(undefined)).toBeNaN();
    expect(moment(Number.NaN, 'UTC', noon)).toBe('never');
  });
  it('tell distances', () => {
    expect(ago(0, 1_000)).toBe('just now');
    expect(ago(0, 59_000)).toBe('59 s ago');
    expect(ago(0, 7_200_000)).toBe('2 h ago');
    expect(ago(240_000, 0)).toBe('in 4 min');
    expect(offset(3_000, 0)).toBe('+3 s');
    expect(offset(0, 180_000)).toBe('−3 min');
  });
});

describe('windows', () => {
  it('have some 300 points at most, on round steps', () => {
    expect(stepFor(300)).toBe(1);
    expect(stepFor(301)).toBe(2);
    expect(rangeOf(1_001_000, 2_003_500)).toEqual({ from: 1000, to: 2000, step: 5 });
  });
  it('begin calm and hold the whole incident', () => {
    const now = ms(incident.onset) + 372_000;
    const r = incidentWindow(incident, now);
    expect(r.from).toBeLessThanOrEqual(ms(incident.onset) / 1000 - 180);
    expect(r.to).toBeGreaterThan(now / 1000 - 10);
    const p = incidentWindow(past, Date.now());
    expect(p.to).toBeLessThanOrEqual(ms(past.resolved) / 1000 + 60);
  });
});

describe('chart data', () => {
  it('leaves gaps where there is no sample', () => {
    const s = { labels: {}, t: [10, 30, 99], v: [1, null, 5] };
    expect(align([s], { from: 10, to: 40, step: 10 })).toEqual([
      [10, 20, 30, 40],
      [1, null, null, null],
    ]);
  });
  it('names series by what tells them apart', () => {
    const s = (labels: Record<string, string>) => ({ labels, t: [], v: [] });
    expect(seriesNames([s({ job: 'a', x: '1' }), s({ job: 'a', x: '2' })])).toEqual(['x=1', 'x=2']);
    expect(seriesNames([s({ __name__: 'up', job: 'a' })])).toEqual(['up']);
    expect(seriesNames([s({})])).toEqual(['value']);
  });
  it('reckons only with what is there', () => {
    expect(stats([null, 3, 1, null, 2])).toEqual({ min: 1, max: 3, last: 2 });
    expect(stats([null])).toBeUndefined();
  });
});

describe('matching', () => {
  it('wants every word and likes beginnings', () => {
    const items = ['decisions', 'incidents', 'cart incident, open', 'precision'];
    expect(matching(items, 'inc', (s) => s)).toEqual(['incidents', 'cart incident, open']);
    expect(matching(items, 'open cart', (s) => s)).toEqual(['cart incident, open']);
    expect(matching(items, '', (s) => s)).toHaveLength(4);
  });
});
