import { describe, expect, it } from 'vitest';
import { bytes, percent, plain, seconds, span, times, withUnit } from './format';

const tidy = (s: string) => s.replace(/\u202f/g, ' ');

describe('numbers', () => {
  it.each([
    [0, '0'],
    [0.12345, '0.123'],
    [1.234, '1.23'],
    [12.34, '12.3'],
    [123.4, '123'],
    [12345.6, '12,346'],
    [-1.5, '−1.5'],
    [0.000345, '0.000345'],
    [1e-9, '1.00e−9'],
    [2e18, '2.00e+18'],
    [Number.NaN, 'not a number'],
    [Number.POSITIVE_INFINITY, '+∞'],
  ])('plain(%s) is %s', (v, want) => expect(plain(v)).toBe(want));

  it.each([
    [0, '0 %'],
    [0.00001, '< 0.01 %'],
    [0.0034, '0.34 %'],
    [0.012, '1.2 %'],
    [0.3049, '30 %'],
    [0.9999, '99.99 %'],
    [1, '100 %'],
    [-0.05, '−5 %'],
  ])('percent(%s) is %s', (v, want) => expect(tidy(percent(v))).toBe(want));

  it.each([
    [0, '0 s'],
    [0.00034, '340 µs'],
    [0.012, '12 ms'],
    [0.4567, '457 ms'],
    [1.234, '1.23 s'],
    [200, '3 min 20 s'],
  ])('seconds(%s) is %s', (v, want) => expect(tidy(seconds(v))).toBe(want));

  it.each([
    [0.4, '0 s'],
    [40, '40 s'],
    [200, '3 min 20 s'],
    [1800, '30 min'],
    [7500, '2 h 5 min'],
    [273_600, '3 d 4 h'],
  ])('span(%s) is %s', (v, want) => expect(tidy(span(v))).toBe(want));

  it('knows the units of the papers', () => {
    expect(tidy(withUnit(0.3, 'ratio'))).toBe('30 %');
    expect(tidy(withUnit(0.3, 'seconds'))).toBe('300 ms');
    expect(tidy(withUnit(42.4, 'requests per second'))).toBe('42.4/s');
    expect(tidy(withUnit(0.0115, 'seconds per second'))).toBe('11.5 ms/s');
    expect(tidy(withUnit(2500, 'bytes per second'))).toBe('2.5 kB/s');
    expect(tidy(withUnit(5, 'threads'))).toBe('5 threads');
    expect(tidy(bytes(1_230_000))).toBe('1.23 MB');
  });

  it('compares only where there is something to compare with', () => {
    expect(times(1.2, 0.1)).toBe('12 times');
    expect(times(1, 0)).toBe('');
    expect(times(1, 1)).toBe('');
  });
});
