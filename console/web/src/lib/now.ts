// The one sentence on top of Now.
import type { Now } from '../api/types';
import { counted } from './format';

export function nowSentence(now: Now): string {
  const waiting = now.waiting?.length ?? 0;
  const open = now.open?.length ?? 0;
  const parts: string[] = [];
  if (waiting > 0) parts.push(`${counted(waiting, 'decision')} ${waiting === 1 ? 'waits' : 'wait'} for you`);
  if (open > 0) parts.push(`${counted(open, 'incident')} ${open === 1 ? 'is' : 'are'} open`);
  return parts.length > 0 ? `${parts.join(', ')}.` : 'Nothing needs you.';
}
