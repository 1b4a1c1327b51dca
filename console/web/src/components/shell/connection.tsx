import { createContext, useContext, useEffect, useRef, useState } from 'react';
import { type Live, useConnection } from '../../api/events';
import { useNowTick, useSettings } from '../../lib/settings';
import { clock } from '../../lib/time';
import classes from './connection.module.css';

export const LiveContext = createContext<Live | undefined>(undefined);

/** Whether what is on the page follows what happens. */
export function ConnectionState() {
  const live = useContext(LiveContext);
  if (!live) throw new Error('ConnectionState is used outside of LiveContext');
  const state = useConnection(live);
  const since = useLastLive(state === 'live');
  const { zone } = useSettings();
  const words = { live: 'Live', connecting: 'Connecting…', lost: 'Reconnecting…' }[state];
  const title =
    state === 'live'
      ? 'Changes appear as they happen.'
      : since
        ? `No word from the server since ${clock(since, zone)}; figures are fetched again every few seconds while it can be reached.`
        : 'Opening the stream of changes.';
  return (
    <span className={classes.state} data-state={state} role="status" title={title}>
      <span className={classes.lamp} aria-hidden="true" />
      <span className={classes.words}>{words}</span>
    </span>
  );
}

function useLastLive(live: boolean): number | undefined {
  const now = useNowTick();
  const [at, setAt] = useState<number>();
  const ref = useRef(now);
  ref.current = now;
  useEffect(() => {
    if (!live) return;
    return () => setAt(ref.current);
  }, [live]);
  return at;
}
