// States as shape, word and colour together.
import type { Incident } from '../api/types';
import { healthWords, stateWords } from '../lib/sentences';
import { Icon, type IconName } from './icon';
import classes from './mark.module.css';

type Tone = 'harm' | 'warn' | 'accent' | 'plain' | 'quiet';

export function Mark({ icon, tone, children }: { icon: IconName; tone: Tone; children: string }) {
  return (
    <span className={classes.mark} data-tone={tone}>
      <Icon name={icon} size={14} />
      {children}
    </span>
  );
}

const decision: Record<string, [IconName, Tone]> = {
  proposed: ['dot', 'quiet'],
  waiting: ['wait', 'accent'],
  approved: ['check', 'accent'],
  acting: ['play', 'accent'],
  verifying: ['clock', 'accent'],
  kept: ['check', 'plain'],
  reverting: ['back', 'accent'],
  reverted: ['back', 'plain'],
  refused: ['cross', 'quiet'],
  expired: ['clock', 'quiet'],
  failed: ['cross', 'plain'],
  unclear: ['question', 'plain'],
};

export function DecisionMark({ state }: { state: string }) {
  const [icon, tone] = decision[state] ?? ['question', 'plain'];
  return (
    <Mark icon={icon} tone={tone}>
      {stateWords[state] ?? state}
    </Mark>
  );
}

export function IncidentMark({ incident }: { incident: Pick<Incident, 'state'> }) {
  return incident.state === 'open' ? (
    <Mark icon="incident" tone="harm">
      Open
    </Mark>
  ) : (
    <Mark icon="check" tone="quiet">
      Resolved
    </Mark>
  );
}

export const healthIcon: Record<string, IconName> = {
  healthy: 'check',
  suffers: 'suffers',
  cause: 'cause',
  learning: 'clock',
  silent: 'silent',
};

const healthTone: Record<string, Tone> = {
  healthy: 'quiet',
  suffers: 'warn',
  cause: 'harm',
  learning: 'quiet',
  silent: 'quiet',
};

export function HealthMark({ health }: { health: string }) {
  return (
    <Mark icon={healthIcon[health] ?? 'question'} tone={healthTone[health] ?? 'quiet'}>
      {healthWords[health] ?? health}
    </Mark>
  );
}
