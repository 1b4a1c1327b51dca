// What every page does on arrival: say its title, and take the focus when it
// was reached from within the console.
import { useEffect, useRef } from 'react';

/** Where the last heading stood, and whether it took the focus. The first page of a visit leaves the focus alone. */
let last: { path: string; took: boolean } | undefined;

export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Steersman`;
  }, [title]);
}

/** For the page's heading. */
export function useArrival() {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const path = window.location.pathname + (new URLSearchParams(window.location.search).get('source') ?? '');
    const moved = last !== undefined && last.path !== path;
    // When papers arrive the heading of the loading page makes way for the real one, which inherits the focus.
    const heir = last?.took === true && document.activeElement === document.body;
    if (moved || heir) ref.current?.focus({ preventScroll: true });
    if (moved) window.scrollTo(0, 0);
    last = { path, took: moved || (last?.took ?? false) };
  }, []);
  return ref;
}
