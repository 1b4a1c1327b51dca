// Tells people who do not see the page what has just happened on it.
import { createContext, type ReactNode, useCallback, useContext, useState } from 'react';

const Context = createContext<(text: string) => void>(() => {});

export const useAnnounce = () => useContext(Context);

export function Announcer({ children }: { children: ReactNode }) {
  const [said, setSaid] = useState({ text: '', n: 0 });
  const say = useCallback((text: string) => setSaid((s) => ({ text, n: s.n + 1 })), []);
  return (
    <Context.Provider value={say}>
      {children}
      <div className="hidden" aria-live="polite" data-testid="announcer">
        <span key={said.n}>{said.text}</span>
      </div>
    </Context.Provider>
  );
}
