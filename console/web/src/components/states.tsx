// What a part of a page shows while it has nothing to show.
import { Button, Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { Problem } from '../api/client';
import classes from './states.module.css';

/** Grey lines where rows will be. */
export function Loading({ rows = 3, what }: { rows?: number; what: string }) {
  return (
    <div className={classes.pad} role="status">
      <span className="hidden">Loading {what}…</span>
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={`row-${i + 1}`} height={16} my={12} width={`${90 - ((i * 17) % 40)}%`} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={classes.empty}>
      <p className={classes.title}>{title}</p>
      {children && <div className="muted">{children}</div>}
    </div>
  );
}

/** What went wrong and what to do about it. */
export function Failure({ error, what, retry }: { error: unknown; what: string; retry?: () => void }) {
  const p = error instanceof Problem ? error : new Problem(0, 'Something went wrong in this page', String(error));
  return (
    <div className={classes.empty} role="alert">
      <p className={classes.title}>{p.status === 404 ? `There is no such ${what}` : `Could not load ${what}`}</p>
      <p className="muted wrap">
        {p.title}
        {p.detail && `: ${p.detail}`}
      </p>
      {retry && p.status !== 404 && (
        <Button variant="default" onClick={retry} mt={8}>
          Try again
        </Button>
      )}
    </div>
  );
}
