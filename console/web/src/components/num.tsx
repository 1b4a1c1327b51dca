import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { exploreLink } from '../lib/promql';

/** A number that opens the query it came from. */
export function Num({ query, children, label }: { query?: string; children: ReactNode; label?: string }) {
  if (!query) return <span className="num">{children}</span>;
  return (
    <Link href={exploreLink(query)} className="num" title={query} aria-label={label}>
      {children}
    </Link>
  );
}
