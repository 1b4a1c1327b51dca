import { describe, expect, it } from 'vitest';
import { apart, layout } from './layout';

const size = { width: 100, height: 40, gapX: 50, gapY: 20 };
const call = (s: string) => {
  const [client = '', server = ''] = s.split('>');
  return { client, server };
};

describe('layout', () => {
  it('puts callers to the left of what they call', () => {
    const l = layout(['web', 'cart', 'db'], ['web>cart', 'cart>db', 'web>db'].map(call), size);
    expect(['web', 'cart', 'db'].map((n) => l.at.get(n)?.x)).toEqual([0, 150, 300]);
    expect(l.width).toBe(400);
  });

  it('gives the same places whatever the order of its input', () => {
    const calls = ['a>b', 'a>c', 'b>d', 'c>d', 'd>e', 'a>e'].map(call);
    const one = layout(['a', 'b', 'c', 'd', 'e'], calls, size);
    const two = layout(['e', 'd', 'c', 'b', 'a'], calls.slice().reverse(), size);
    expect([...two.at].sort()).toEqual([...one.at].sort());
    expect([...two.via].sort()).toEqual([...one.via].sort());
  });

  it('keeps boxes of one column apart', () => {
    const leaves = Array.from({ length: 12 }, (_, i) => `leaf${i}`);
    const l = layout(
      ['root', ...leaves],
      leaves.map((n) => call(`root>${n}`)),
      size,
    );
    const ys = leaves.map((n) => l.at.get(n)?.y ?? 0).sort((a, b) => a - b);
    for (let i = 1; i < ys.length; i++) expect((ys[i] ?? 0) - (ys[i - 1] ?? 0)).toBeGreaterThanOrEqual(59);
    expect(Math.min(...ys)).toBe(0);
  });

  it('survives circles, calls to oneself and nothing at all', () => {
    const l = layout(['a', 'b'], ['a>b', 'b>a', 'a>a'].map(call), size);
    expect(l.at.get('a')?.x).toBe(0);
    expect(l.at.get('b')?.x).toBe(150);
    expect(layout([], [], size)).toMatchObject({ width: 0, height: 0 });
  });

  it('uncrosses two lines that need not cross', () => {
    const l = layout(['p', 'q', 'x', 'y'], ['p>y', 'q>x'].map(call), size);
    const y = (n: string) => l.at.get(n)?.y ?? 0;
    expect(Math.sign(y('p') - y('q'))).toBe(Math.sign(y('y') - y('x')));
  });
});

describe('apart', () => {
  it('leaves alone what is not in the way', () => {
    expect(apart([0, 100, 300], [0, 60, 60])).toEqual([0, 100, 300]);
  });
  it('moves two that collide by the same amount', () => {
    expect(apart([10, 10], [0, 60])).toEqual([-20, 40]);
  });
  it('pools three', () => {
    expect(apart([0, 0, 0], [0, 10, 10])).toEqual([-10, 0, 10]);
  });
});
