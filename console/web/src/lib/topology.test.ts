import { describe, expect, it } from 'vitest';
import { flow, node } from '../../tests/fixtures/papers';
import { closedNamespaces, collapse, edgeKey, remember } from './topology';

const hour = 3_600_000;
const nothing = { nodes: {}, edges: {} };

describe('remember', () => {
  const one = remember(nothing, ['a', 'b'], [{ client: 'a', server: 'b' }], 0);

  it('keeps the place of a call that pauses', () => {
    const two = remember(one, ['a', 'b'], [], hour - 1);
    expect(two.edges[edgeKey('a', 'b')]).toBe(0);
  });
  it('forgets after an hour', () => {
    expect(remember(one, ['a', 'b'], [], hour).edges).toEqual({});
  });
  it('starts afresh with other services altogether', () => {
    expect(remember(one, ['x', 'y'], [], 1).nodes).toEqual({ x: 1, y: 1 });
  });
  it('does not start afresh when one service joins', () => {
    expect(remember(one, ['a', 'b', 'c'], [], 1).nodes).toEqual({ a: 1, b: 1, c: 1 });
  });
});

describe('collapse', () => {
  const nodes = [
    { ...node('x', flow(10, 0.1)), entity: 'service:shop/x' },
    { ...node('y', flow(30, 0.3)), entity: 'service:shop/y', health: 'cause' },
    { ...node('z', flow(5)), entity: 'service:z' },
  ];
  const call = (client: string, server: string, rate: number) => ({
    client,
    server,
    clientSide: flow(rate),
    serverSide: flow(rate),
  });
  const map = {
    at: '2026-01-01T00:00:00Z',
    over: 60,
    nodes,
    edges: [
      call('service:shop/x', 'service:shop/y', 10),
      call('service:z', 'service:shop/x', 2),
      call('service:z', 'service:shop/y', 3),
    ],
  };

  it('closes namespaces only when there are too many boxes, and not those that were opened', () => {
    expect([...closedNamespaces(nodes, new Set(), 3)]).toEqual([]);
    expect([...closedNamespaces(nodes, new Set(), 2)]).toEqual(['shop']);
    expect([...closedNamespaces(nodes, new Set(['shop']), 2)]).toEqual([]);
  });
  it('adds rates, weighs ratios, shows the worst health, and drops calls inside', () => {
    const c = collapse(map, new Set(['shop']));
    expect(c.nodes.map((n) => n.entity)).toEqual(['group:shop', 'service:z']);
    expect(c.nodes[0]).toMatchObject({ health: 'cause', flow: { rate: 40, errorRatio: 0.25 } });
    expect(c.edges).toHaveLength(1);
    expect(c.edges[0]).toMatchObject({ client: 'service:z', server: 'group:shop', clientSide: { rate: 5 } });
  });
});
