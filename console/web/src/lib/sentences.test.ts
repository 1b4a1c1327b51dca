import { describe, expect, it } from 'vitest';
import { decision, incident, now, past, quiet, unsure } from '../../tests/fixtures/papers';
import type { Finding } from '../api/types';
import { changes } from './before-after';
import { nowSentence } from './now';
import { canAnswer, canRevert, causeWords, findingSentence, impactWords, lasted } from './sentences';
import { ms } from './time';

const tidy = (s: string) => s.replace(/\u202f/g, ' ');

describe('incidents in words', () => {
  it('names the cause with its probability, or says that there is none', () => {
    expect(tidy(causeWords(incident))).toBe('Probably checkout v2, 87 %');
    expect(causeWords(unsure)).toBe('Not enough evidence for a cause yet');
  });
  it('tells how bad it is', () => {
    expect(tidy(impactWords(incident))).toBe('12 % of requests fail, 812 failed so far, 7.7 times slower');
  });
  it('lasts until now while open, and until its end when resolved', () => {
    expect(lasted(incident, ms(incident.onset) + 60_000)).toBe(60);
    expect(lasted(past, Date.now())).toBeCloseTo(288, 0);
  });
});

describe('findings in words', () => {
  const [first] = incident.findings;
  const f = first as Finding;
  it('says what, how far, against what is normal', () => {
    expect(tidy(findingSentence(f))).toBe('checkout: error ratio of v2 reached 42 %, above its normal 0 % to 1.1 %.');
  });
  it('knows absence', () => {
    expect(tidy(findingSentence({ ...f, direction: 'absent' }))).toBe(
      'checkout: error ratio of v2 stopped coming; it was 0.2 %.',
    );
  });
  it('does not fall over a direction it has never heard of', () => {
    expect(findingSentence({ ...f, direction: 'sideways' })).toContain('outside its normal');
  });
});

describe('what a person may do', () => {
  it('answers what waits and takes back what was kept', () => {
    expect([canAnswer(decision('x', 'waiting')), canRevert(decision('x', 'waiting'))]).toEqual([true, false]);
    expect([canAnswer(decision('x', 'kept')), canRevert(decision('x', 'kept'))]).toEqual([false, true]);
    expect(canRevert(decision('x', 'kept', { undo: undefined }))).toBe(false);
    expect(canAnswer(decision('x', 'expired'))).toBe(false);
  });
});

describe('Now', () => {
  it('counts what needs a person', () => {
    expect(nowSentence(now)).toBe('1 decision waits for you, 1 incident is open.');
    expect(nowSentence({ ...now, waiting: [now.waiting[0]!, now.waiting[0]!], open: [] })).toBe(
      '2 decisions wait for you.',
    );
    expect(nowSentence(quiet)).toBe('Nothing needs you.');
  });
});

describe('changes', () => {
  it('pairs the names of both states and marks what differs', () => {
    expect(changes({ v10: '5', v2: '75', gone: 'x' }, { v10: '5', v2: '100', v3: '1' })).toEqual([
      { name: 'gone', before: 'x', after: 'none', changed: true },
      { name: 'v2', before: '75', after: '100', changed: true },
      { name: 'v3', before: 'none', after: '1', changed: true },
      { name: 'v10', before: '5', after: '5', changed: false },
    ]);
    expect(changes(null, undefined)).toEqual([]);
  });
});
