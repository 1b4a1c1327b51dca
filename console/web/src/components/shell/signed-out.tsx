import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useTitle } from '../../lib/page';
import { Wheel } from '../icon';
import classes from './signed-out.module.css';

/** For a browser that Steersman does not know. */
export function SignedOut() {
  useTitle('Signed out');
  const client = useQueryClient();
  return (
    <main className={classes.page}>
      <Wheel size={40} />
      <h1>You are signed out</h1>
      <p>
        Open the link that <code>steersman up</code> printed when it started, or run <code>steersman login</code> on the
        machine it runs on and open the link that it prints. Each link works once.
      </p>
      <p className="muted">There is no password to type here, and none to lose.</p>
      <Button variant="default" size="sm" onClick={() => client.invalidateQueries()}>
        Try again
      </Button>
    </main>
  );
}
