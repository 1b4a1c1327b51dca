// State in the address.
import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/** One query parameter; the default is left out of the address. */
export function useParam(name: string, fallback = ''): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string) =>
      setParams(
        (p) => {
          const next = new URLSearchParams(p);
          if (value === fallback) next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true },
      ),
    [setParams, name, fallback],
  );
  return [params.get(name) ?? fallback, set];
}
