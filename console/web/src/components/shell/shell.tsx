import { useHotkeys } from '@mantine/hooks';
import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { isSignedOut } from '../../api/client';
import { useMe, useNow } from '../../api/queries';
import type { Stop } from '../../api/types';
import { step, useKeys } from '../../lib/keys';
import { Header } from './header';
import { Help } from './help';
import { useIncidentNews } from './news';
import { Palette } from './palette';
import classes from './shell.module.css';
import { SignedOut } from './signed-out';
import { StopBanner, StopDialog } from './stop';

interface ShellActions {
  openStop: () => void;
  openHelp: () => void;
  openPalette: () => void;
  /** The kill switch as last heard of. */
  stop: Stop | undefined;
}

const Context = createContext<ShellActions | undefined>(undefined);

export function useShell(): ShellActions {
  const s = useContext(Context);
  if (!s) throw new Error('useShell is called outside of Shell');
  return s;
}

type Open = '' | 'stop' | 'help' | 'palette';

/** What surrounds every page: header, kill switch, palette, help, news. */
export function Shell({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState<Open>('');
  const me = useMe();
  const stop = me.data?.stop;
  const close = () => setOpen('');
  useShellKeys(setOpen);
  const actions = useMemo<ShellActions>(
    () => ({
      openStop: () => setOpen('stop'),
      openHelp: () => setOpen('help'),
      openPalette: () => setOpen('palette'),
      stop,
    }),
    [stop],
  );
  if (isSignedOut(me.error)) return <SignedOut />;
  return (
    <Context.Provider value={actions}>
      <News />
      <a className={classes.skip} href="#main">
        Skip to the page
      </a>
      <Header me={me.data} />
      {stop?.engaged && <StopBanner stop={stop} resume={actions.openStop} />}
      <main id="main" tabIndex={-1} className={classes.main}>
        {children}
      </main>
      <StopDialog opened={open === 'stop'} stop={stop} close={close} />
      <Help opened={open === 'help'} close={close} />
      <Palette opened={open === 'palette'} close={close} openStop={actions.openStop} openHelp={actions.openHelp} />
    </Context.Provider>
  );
}

function News() {
  useIncidentNews(useNow().data?.open);
  return null;
}

function useShellKeys(setOpen: (o: Open) => void) {
  const [, go] = useLocation();
  useHotkeys([['mod+K', () => setOpen('palette')]], [], false);
  useKeys({
    '?': () => setOpen('help'),
    j: () => step(1),
    k: () => step(-1),
    'g n': () => go('/'),
    'g m': () => go('/map'),
    'g i': () => go('/incidents'),
    'g d': () => go('/decisions'),
    'g e': () => go('/explore'),
  });
}
