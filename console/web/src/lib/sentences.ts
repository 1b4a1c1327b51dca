// What the papers say, in words.
import type { Decision, Finding, Incident, MapNode, Source } from '../api/types';
import { entityName } from './entity';
import { count, percent, plain, seconds, span, withUnit } from './format';
import { ms } from './time';

/** How bad an incident is for callers, in a few words; empty when nothing is known. */
export function impactWords(inc: Incident): string {
  const { errorRatio, failed, slowdown } = inc.impact;
  const parts: string[] = [];
  if (errorRatio >= 0.0005) parts.push(`${percent(errorRatio)} of requests fail`);
  if (failed >= 0.5) parts.push(`${count(failed)} failed so far`);
  if (slowdown >= 1.1) parts.push(`${plain(Number(slowdown.toPrecision(2)))} times slower`);
  return parts.join(', ');
}

/** How long an incident lasted, or has lasted until now, in seconds. */
export function lasted(inc: Incident, now: number): number {
  const end = inc.state === 'resolved' ? ms(inc.resolved) : now;
  return Math.max(0, (Number.isNaN(end) ? now : end) - ms(inc.onset)) / 1000;
}

/** The leading cause in a few words, or that there is none. */
export function causeWords(inc: Incident): string {
  const first = inc.causes?.[0];
  if (inc.abstained || !first) return 'Not enough evidence for a cause yet';
  const what = first.version ? `${entityName(first.entity)} ${first.version}` : entityName(first.entity);
  return `Probably ${what}, ${percent(first.probability)}`;
}

const directionWords: Record<string, string> = { up: 'above', down: 'below' };

/** One sentence on a finding: what, how far, against what is normal. */
export function findingSentence(f: Finding): string {
  const { signal: s } = f;
  const where =
    s.client !== undefined && s.client !== ''
      ? `${entityName(s.client)} → ${entityName(s.entity)}`
      : entityName(s.entity);
  if (f.direction === 'absent')
    return `${where}: ${signalName(s)} stopped coming; it was ${withUnit(f.before, s.unit)}.`;
  const range = `${withUnit(f.low, s.unit)} to ${withUnit(f.high, s.unit)}`;
  return `${where}: ${signalName(s)} reached ${withUnit(f.now, s.unit)}, ${directionWords[f.direction] ?? 'outside'} its normal ${range}.`;
}

/** What was watched: "error ratio", or "error ratio of v2" where one version was. */
export function signalName({ name, labels }: Finding['signal']): string {
  return labels?.version ? `${name} of ${labels.version}` : name;
}

/** Who measured a signal of an edge. */
export function sideWords(f: Finding): string {
  const { client, side } = f.signal;
  if (!side) return '';
  if (side === 'client') return client ? `as ${entityName(client)} sees it` : 'as its callers see it';
  return client ? `as ${entityName(f.signal.entity)} measures it` : 'as it measures itself';
}

export const stateWords: Record<string, string> = {
  proposed: 'Proposed',
  waiting: 'Waits for a person',
  approved: 'Approved',
  acting: 'Acting',
  verifying: 'Checking that it helps',
  kept: 'Kept: it helped',
  reverting: 'Taking it back',
  reverted: 'Taken back',
  refused: 'Refused',
  expired: 'Expired',
  failed: 'Could not be done',
  unclear: 'Unclear: a person must look',
};

const ended = ['kept', 'reverted', 'refused', 'expired', 'failed', 'unclear'];
export const isDone = (s: string) => ended.includes(s);

/** Whether a person may still answer, and whether the action may be taken back. */
export const canAnswer = (d: Decision) => d.state === 'waiting' || d.state === 'proposed';
export const canRevert = (d: Decision) => (d.state === 'kept' || d.state === 'verifying') && d.undo != null;

export const levelWords = [
  'observe only',
  'advise; a person approves each time',
  'act after approval',
  'act unless vetoed in time',
  'act, then report',
  'act unattended',
];

export const healthWords: Record<string, string> = {
  healthy: 'healthy',
  suffers: 'suffers',
  cause: 'likely cause',
  learning: 'still learning',
  silent: 'silent',
};

/** The check of a proposal as a question that has an answer. */
export function checkSentence(d: Decision): string {
  const { op, limit, forSeconds, withinSeconds } = d.proposal.check;
  const than = op === '<' ? 'below' : 'above';
  return `The number must be ${than} ${plain(limit)} for ${span(forSeconds)}, and that within ${span(withinSeconds)} of acting.`;
}

export function nodeSentence(n: MapNode): string {
  const { rate, errorRatio, p95 } = n.flow;
  return `${entityName(n.entity)}, ${healthWords[n.health]}: ${plain(rate)} requests per second, ${percent(errorRatio)} fail, 95 % within ${seconds(p95)}`;
}

/** What is said about a source that refuses some of what it is sent. */
export function sourceTrouble(s: Source): string {
  if (s.refused <= 0) return '';
  return `${count(s.refused)} refused${s.lastRefusal ? `: ${s.lastRefusal}` : ''}`;
}
