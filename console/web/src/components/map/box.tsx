import type { MapNode } from '../../api/types';
import { entityPath, parseEntity } from '../../lib/entity';
import { percent, plain, seconds } from '../../lib/format';
import { healthWords, nodeSentence } from '../../lib/sentences';
import { ago, ms } from '../../lib/time';
import { isGroup } from '../../lib/topology';
import { Icon } from '../icon';
import { healthIcon } from '../mark';
import classes from './box.module.css';

interface Props {
  node: MapNode;
  now: number;
  /** Without the namespace. */
  short: boolean;
  chosen: boolean;
  choose: (entity: string) => void;
  open: (namespace: string) => void;
}

const recent = 3_600_000; // ms in which a change is worth a badge

/** One service, or one closed namespace, on the map. */
export function Box({ node: n, now, short, chosen, choose, open }: Props) {
  const group = isGroup(n.entity);
  const change = n.lastChange && now - ms(n.lastChange.at) < recent ? n.lastChange : undefined;
  const { rate, errorRatio, p95 } = n.flow;
  const name = group ? `${parseEntity(n.entity).name}/…` : short ? parseEntity(n.entity).name : entityPath(n.entity);
  const quiet = n.health === 'healthy';
  return (
    <button
      type="button"
      className={classes.box}
      data-health={n.health}
      data-group={group || undefined}
      aria-pressed={group ? undefined : chosen}
      aria-label={label(n, group, change ? `, changed ${ago(ms(change.at), now)}` : '')}
      title={name}
      onClick={() => (group ? open(parseEntity(n.entity).name) : choose(n.entity))}
      data-row
    >
      <span className={classes.name}>
        {!quiet && <Icon name={healthIcon[n.health] ?? 'question'} size={14} />}
        <span>{name}</span>
      </span>
      <span className={classes.flow}>
        <span>{plain(rate)}/s</span>
        <span data-bad={errorRatio >= 0.01 || undefined}>{percent(errorRatio)}</span>
        <span>{rate > 0 ? seconds(p95) : '–'}</span>
      </span>
      <span className={classes.words}>
        {quiet ? versions(n) : healthWords[n.health]}
        {!quiet && versions(n) && ` · ${versions(n)}`}
      </span>
      {change && (
        <span className={classes.badge}>
          ◆ {change.version || change.kind} {ago(ms(change.at), now)}
        </span>
      )}
    </button>
  );
}

function label(n: MapNode, group: boolean, changed: string): string {
  if (group) return `Open the namespace ${parseEntity(n.entity).name}, ${healthWords[n.health]}`;
  return `${nodeSentence(n)}${changed}`;
}

function versions(n: MapNode): string {
  const vs = (n.versions ?? []).filter((v) => v.version);
  const total = vs.reduce((sum, v) => sum + v.flow.rate, 0);
  if (vs.length === 1) return vs[0]?.version ?? '';
  return vs
    .slice(0, 3)
    .map((v) => `${v.version} ${percent(total > 0 ? Math.round((v.flow.rate / total) * 100) / 100 : 0)}`)
    .join(', ');
}
