import { type ReactNode, useId } from 'react';
import classes from './record.module.css';

/** One station of a decision's record. */
export function Part({ title, children, pending }: { title: string; children: ReactNode; pending?: boolean }) {
  const id = useId();
  return (
    <li className={classes.part} data-pending={pending || undefined} aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <div className={classes.content}>{children}</div>
    </li>
  );
}
