import { type ReactNode, useId } from 'react';
import classes from './section.module.css';

interface Props {
  title: string;
  count?: number;
  /** Beside the title, at the right. */
  aside?: ReactNode;
  /** Without a surface of its own, for content that brings one. */
  bare?: boolean;
  children: ReactNode;
}

/** A titled part of a page on one surface. Sections do not nest. */
export function Section({ title, count, aside, bare, children }: Props) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={classes.section}>
      <div className={classes.head}>
        <h2 id={id}>
          {title}
          {count !== undefined && <span className={classes.count}> {count}</span>}
        </h2>
        {aside && <div className={classes.aside}>{aside}</div>}
      </div>
      {bare ? children : <div className={classes.surface}>{children}</div>}
    </section>
  );
}

/** Rows on a section's surface. */
export function Rows({ children }: { children: ReactNode }) {
  return <ul className={classes.rows}>{children}</ul>;
}
