import { useEffect, useRef } from 'react';
import type { Incident } from '../../api/types';
import { useAnnounce } from '../announcer';

/** Says aloud which incidents are new since the page was opened. */
export function useIncidentNews(open: Incident[] | null | undefined) {
  const known = useRef<Set<string> | undefined>(undefined);
  const announce = useAnnounce();
  useEffect(() => {
    if (!open) return;
    const before = known.current;
    known.current = new Set([...(before ?? []), ...open.map((i) => i.id)]);
    const fresh = before ? open.filter((i) => !before.has(i.id)) : [];
    if (fresh.length > 0) announce(`New incident: ${fresh.map((i) => i.title).join('. ')}`);
  }, [open, announce]);
}
