import type { ReactNode } from 'react';
import { useArrival, useTitle } from '../lib/page';
import classes from './page.module.css';

interface Props {
  /** In the browser's tab. */
  title: string;
  heading?: ReactNode;
  /** The one sentence that the page is about. */
  lead?: ReactNode;
  /** What can be done here, always in the same place. */
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of every page: its heading, what can be done, what there is to see. */
export function Page({ title, heading, lead, actions, children }: Props) {
  useTitle(title);
  const ref = useArrival();
  return (
    <>
      <div className={classes.top}>
        <div className={classes.words}>
          <h1 ref={ref} tabIndex={-1} className="wrap">
            {heading ?? title}
          </h1>
          {lead && <div className={classes.lead}>{lead}</div>}
        </div>
        {actions && <div className={classes.actions}>{actions}</div>}
      </div>
      <div className={classes.body}>{children}</div>
    </>
  );
}
