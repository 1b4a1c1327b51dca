// What every page may ask of what surrounds it.
import { createContext, useContext } from 'react';
import type { Stop } from '../../api/types';

export interface ShellActions {
  openStop: () => void;
  openHelp: () => void;
  openPalette: () => void;
  /** The kill switch as last heard of. */
  stop: Stop | undefined;
}

export const ShellContext = createContext<ShellActions | undefined>(undefined);

export function useShell(): ShellActions {
  const s = useContext(ShellContext);
  if (!s) throw new Error('useShell is called outside of Shell');
  return s;
}
