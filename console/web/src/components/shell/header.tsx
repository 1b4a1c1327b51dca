import { Button } from '@mantine/core';
import { Link, useLocation } from 'wouter';
import { useNow } from '../../api/queries';
import type { Me } from '../../api/types';
import { useNowTick, useSettings } from '../../lib/settings';
import { clock } from '../../lib/time';
import { Icon, Wheel } from '../icon';
import { ConnectionState } from './connection';
import { useShell } from './context';
import classes from './header.module.css';
import { ViewMenu } from './menu';
import { places } from './places';

export function Header({ me }: { me: Me | undefined }) {
  const { openPalette, openStop, stop } = useShell();
  return (
    <header className={classes.header}>
      <div className={classes.inner}>
        <Link href="/" className={classes.brand} aria-label="Steersman, to Now">
          <Wheel />
          <span>Steersman</span>
        </Link>
        <Nav />
        <div className={classes.right}>
          <ConnectionState />
          <button type="button" className={classes.search} onClick={openPalette} aria-keyshortcuts="Control+K">
            <Icon name="search" />
            <span className={classes.searchWords}>Go to…</span>
            <kbd>Ctrl K</kbd>
          </button>
          <Clock />
          <ViewMenu me={me} />
          <Button
            variant="default"
            className={classes.stop}
            leftSection={<Icon name={stop?.engaged ? 'play' : 'stop'} />}
            onClick={openStop}
          >
            {stop?.engaged ? 'Resume' : 'Stop'}
            <span className={classes.wide}>&nbsp;{stop?.engaged ? 'actions' : 'all actions'}</span>
          </Button>
        </div>
      </div>
    </header>
  );
}

function Nav() {
  const [path] = useLocation();
  const now = useNow().data;
  const badges: Record<string, [number, string]> = {
    '/incidents': [now?.open?.length ?? 0, 'open'],
    '/decisions': [now?.waiting?.length ?? 0, 'waiting'],
  };
  return (
    <nav aria-label="Screens" className={classes.nav}>
      {places.map((p) => {
        const here = p.path === '/' ? path === '/' : path.startsWith(p.path);
        const [n, word] = badges[p.path] ?? [0, ''];
        return (
          <Link key={p.path} href={p.path} aria-current={here ? 'page' : undefined} className={classes.place}>
            <Icon name={p.icon} />
            <span>{p.name}</span>
            {n > 0 && (
              <span className={classes.badge}>
                {n}
                <span className="hidden"> {word}</span>
              </span>
            )}
          </Link>
        );
      })}
    </nav>
  );
}

/** The time, and in which zone all times are shown; a click changes the zone. */
function Clock() {
  const { zone, setZone } = useSettings();
  const now = useNowTick();
  const other = zone === 'UTC' ? 'local' : 'UTC';
  return (
    <button
      type="button"
      className={classes.clock}
      onClick={() => setZone(other)}
      title={`Times are ${zone === 'UTC' ? 'UTC' : 'local'}. Click for ${other}.`}
    >
      {clock(now, zone)} <span className="muted">{zone === 'UTC' ? 'UTC' : 'local'}</span>
    </button>
  );
}
