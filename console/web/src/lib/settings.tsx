// What a person chose about the console itself. Kept in this browser.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { Zone } from './time';

interface Settings {
  zone: Zone;
  setZone: (z: Zone) => void;
  /** Whether single letters are shortcuts (WCAG 2.1.4 asks for a way to turn them off). */
  keys: boolean;
  setKeys: (on: boolean) => void;
}

const Context = createContext<Settings | undefined>(undefined);

export function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function write(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage a choice lasts until the page is closed.
  }
}

export function SettingsProvider({ children }: { children: ReactNode }) {
  const [zone, setZoneState] = useState<Zone>(() => (read('steersman-zone') === 'UTC' ? 'UTC' : 'local'));
  const [keys, setKeysState] = useState(() => read('steersman-keys') !== 'off');
  const setZone = useCallback((z: Zone) => {
    setZoneState(z);
    write('steersman-zone', z);
  }, []);
  const setKeys = useCallback((on: boolean) => {
    setKeysState(on);
    write('steersman-keys', on ? 'on' : 'off');
  }, []);
  const value = useMemo(() => ({ zone, setZone, keys, setKeys }), [zone, setZone, keys, setKeys]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useSettings(): Settings {
  const s = useContext(Context);
  if (!s) throw new Error('useSettings is called outside of SettingsProvider');
  return s;
}

/** The time, in whole ticks, so that everything on a page agrees on what "now" is. */
export function useNowTick(every = 1_000): number {
  const tick = () => Math.floor(Date.now() / every) * every;
  const [now, setNow] = useState(tick);
  useEffect(() => {
    const timer = setInterval(() => setNow(Math.floor(Date.now() / every) * every), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
