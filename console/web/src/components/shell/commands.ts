import { useMantineColorScheme } from '@mantine/core';
import { useMemo } from 'react';
import { useLocation } from 'wouter';
import { useDecisions, useIncidents, useMap } from '../../api/queries';
import { entityPath } from '../../lib/entity';
import { exploreLink } from '../../lib/promql';
import { stateWords } from '../../lib/sentences';
import { useSettings } from '../../lib/settings';
import { serviceLink } from '../entity';
import type { IconName } from '../icon';
import { useShell } from './context';
import { places } from './places';

export interface Command {
  id: string;
  name: string;
  hint: string;
  icon: IconName;
  run: () => void;
}

interface Given {
  openStop: () => void;
  openHelp: () => void;
  text: string;
}

const query = /[({]/;
const metric = /^[a-z_:][a-z0-9_:]{3,}$/i;

/** All that can be gone to or done from anywhere. */
export function useCommands({ openStop, openHelp, text }: Given): Command[] {
  const [, go] = useLocation();
  const { stop } = useShell();
  const incidents = useIncidents('all').data;
  const decisions = useDecisions(false).data;
  const map = useMap().data;
  const settings = useSettings();
  const scheme = useMantineColorScheme();
  return useMemo(() => {
    const out: Command[] = places.map((p) => ({
      id: p.path,
      name: p.name,
      hint: 'screen',
      icon: p.icon,
      run: () => go(p.path),
    }));
    const typed = text.trim();
    const explore: Command = {
      id: 'query',
      name: typed,
      hint: 'query',
      icon: 'explore',
      run: () => go(exploreLink(typed)),
    };
    if (query.test(typed)) out.unshift(explore);
    for (const i of incidents ?? []) {
      const open = `/incidents/${encodeURIComponent(i.id)}`;
      out.push({ id: i.id, name: i.title, hint: `incident, ${i.state}`, icon: 'incident', run: () => go(open) });
    }
    for (const d of decisions ?? []) {
      const { id, title } = d.proposal;
      const open = `/decisions/${encodeURIComponent(id)}`;
      out.push({
        id,
        name: title,
        hint: (stateWords[d.state] ?? d.state).toLowerCase(),
        icon: 'decision',
        run: () => go(open),
      });
    }
    for (const { entity } of map?.nodes ?? []) {
      const open = serviceLink(entity);
      out.push({ id: `node ${entity}`, name: entityPath(entity), hint: 'service', icon: 'map', run: () => go(open) });
    }
    const engaged = stop?.engaged;
    const act = (id: string, name: string, icon: IconName, run: () => void) =>
      out.push({ id, name, hint: 'do', icon, run });
    act('stop', engaged ? 'Resume actions…' : 'Stop all actions…', engaged ? 'play' : 'stop', openStop);
    act('dark', 'Dark colours', 'dot', () => scheme.setColorScheme('dark'));
    act('light', 'Light colours', 'dot', () => scheme.setColorScheme('light'));
    act('system', 'Colours as the system', 'dot', () => scheme.setColorScheme('auto'));
    const zone = settings.zone === 'UTC' ? 'local' : 'UTC';
    act('zone', `Show times in ${zone === 'UTC' ? 'UTC' : 'local time'}`, 'clock', () => settings.setZone(zone));
    act('keys', 'Keys', 'question', openHelp);
    if (metric.test(typed)) out.push(explore);
    return out;
  }, [go, stop, incidents, decisions, map, settings, scheme, openStop, openHelp, text]);
}
