// What the map shows, in a sentence.
import type { ServiceMap } from '../api/types';
import { entityName } from './entity';
import { counted, percent, plain } from './format';

export function mapSentence(map: ServiceMap): string {
  const nodes = map.nodes ?? [];
  const causes = nodes.filter((n) => n.health === 'cause').map((n) => entityName(n.entity));
  const suffering = nodes.filter((n) => n.health === 'suffers').length;
  const outside = (map.edges ?? []).filter((e) => e.client === '');
  const rate = outside.reduce((sum, e) => sum + e.serverSide.rate, 0);
  const failed = outside.reduce((sum, e) => sum + e.serverSide.rate * e.serverSide.errorRatio, 0);
  const parts = [counted(nodes.length, 'service')];
  if (rate > 0) parts.push(`${plain(rate)} requests per second from outside, ${percent(failed / rate)} of them fail`);
  if (causes.length > 0) parts.push(`likely cause: ${causes.join(', ')}`);
  if (suffering > 0) parts.push(`${counted(suffering, 'service')} ${suffering === 1 ? 'suffers' : 'suffer'}`);
  if (causes.length === 0 && suffering === 0) parts.push('none is part of an incident');
  return `${parts.join('; ')}.`;
}
