// What every page does on arrival: say its title, and take the focus when it
// was reached from within the console.
import { useEffect, useRef } from 'react';

let arrived = false; // the first page of a visit leaves the focus where the browser put it

export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Steersman`;
  }, [title]);
}

/** For the page's heading. */
export function useArrival() {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (arrived) {
      ref.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    arrived = true;
  }, []);
  return ref;
}
