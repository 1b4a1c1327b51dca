import { useHotkeys } from '@mantine/hooks';
import { type ReactNode, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { isSignedOut } from '../../api/client';
import { useMe, useNow } from '../../api/queries';
import { step, useKeys } from '../../lib/keys';
import { type ShellActions, ShellContext } from './context';
import { Header } from './header';
import { Help } from './help';
import { useIncidentNews } from './news';
import { Palette } from './palette';
import classes from './shell.module.css';
import { SignedOut } from './signed-out';
import { StopBanner, StopDialog } from './stop';

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
    <ShellContext.Provider value={actions}>
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
    </ShellContext.Provider>
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
    'g s': () => go('/sources'),
  });
}
