// The screens, in the order of the menu.
import type { IconName } from '../icon';

export interface Place {
  path: string;
  name: string;
  icon: IconName;
}

export const places: Place[] = [
  { path: '/', name: 'Now', icon: 'now' },
  { path: '/map', name: 'Map', icon: 'map' },
  { path: '/incidents', name: 'Incidents', icon: 'incident' },
  { path: '/decisions', name: 'Decisions', icon: 'decision' },
  { path: '/explore', name: 'Explore', icon: 'explore' },
  { path: '/sources', name: 'Sources', icon: 'source' },
];
