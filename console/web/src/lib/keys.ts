// Keys: sequences for going places, j and k in lists.
import { useEffect, useRef } from 'react';
import { useSettings } from './settings';

const typing = (t: EventTarget | null) =>
  t instanceof HTMLElement && (t.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(t.tagName));

const inDialog = () => document.querySelector('[role="dialog"][aria-modal="true"]') !== null;

/** Calls the action whose key, or two keys in a row ("g n"), was pressed outside of fields and dialogs. */
export function useKeys(actions: Record<string, () => void>) {
  const { keys } = useSettings();
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    if (!keys) return;
    let first = '';
    let since = 0;
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || typing(e.target) || inDialog()) return;
      const two = e.timeStamp - since < 1_200 ? `${first} ${e.key}` : '';
      const action = latest.current[two] ?? latest.current[e.key];
      first = e.key;
      since = e.timeStamp;
      if (!action) return;
      e.preventDefault();
      first = '';
      action();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [keys]);
}

/** Moves the focus among everything marked data-row. */
export function step(by: 1 | -1) {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')].filter((r) => r.offsetParent !== null);
  const at = rows.findIndex((r) => r === document.activeElement || r.contains(document.activeElement));
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}
