import { Button, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Problem } from '../../api/client';
import { useStop } from '../../api/queries';
import type { Stop } from '../../api/types';
import { useAnnounce } from '../announcer';
import { Dialog } from '../dialog';
import { Icon } from '../icon';
import { Moment } from '../moment';
import classes from './stop.module.css';

/** On every page while the kill switch is engaged. */
export function StopBanner({ stop, resume }: { stop: Stop; resume: () => void }) {
  return (
    <div className={classes.banner} role="status">
      <Icon name="stop" />
      <span className="wrap">
        <strong>All actions are stopped</strong> since <Moment at={stop.at} />
        {stop.by && ` by ${stop.by}`}
        {stop.why && `: “${stop.why}”`}. Steersman watches and proposes, and does nothing.
      </span>
      <button type="button" onClick={resume} className={classes.resume}>
        Resume…
      </button>
    </div>
  );
}

const words = {
  engage: {
    title: 'Stop all actions?',
    text: 'From this moment Steersman begins no action and takes none back, whatever was approved. What holds a lease returns by itself when the lease ends. Watching, incidents and proposals go on. It stays stopped, also through a restart, until a person resumes.',
    button: 'Stop all actions',
    done: 'All actions are stopped.',
  },
  release: {
    title: 'Resume actions?',
    text: 'Steersman may act again within its policy: what waits for a person still waits, and what was approved and has not expired may begin at once.',
    button: 'Resume actions',
    done: 'Actions are resumed.',
  },
};

interface Props {
  opened: boolean;
  stop: Stop | undefined;
  close: () => void;
}

export function StopDialog({ opened, stop, close }: Props) {
  const [engage, setEngage] = useState(true);
  const [why, setWhy] = useState('');
  const act = useStop();
  const announce = useAnnounce();
  useEffect(() => {
    if (opened) setEngage(!stop?.engaged);
  }, [opened, stop?.engaged]);
  const w = engage ? words.engage : words.release;
  const submit = () =>
    act.mutate(
      { engage, why: why.trim() },
      {
        onSuccess: () => {
          announce(w.done);
          setWhy('');
          close();
        },
      },
    );
  return (
    <Dialog opened={opened} close={close} title={w.title} size={480}>
      <form
        className={classes.form}
        onSubmit={(e) => {
          e.preventDefault();
          submit();
        }}
      >
        <p>{w.text}</p>
        <TextInput
          label="Why (goes on record)"
          value={why}
          onChange={(e) => setWhy(e.currentTarget.value)}
          maxLength={500}
          data-autofocus
        />
        {act.isError && (
          <p role="alert" className="harm wrap">
            {act.error instanceof Problem ? act.error.message : String(act.error)}. The file STOP in the data directory
            stops all actions too.
          </p>
        )}
        <div className={classes.buttons}>
          <Button variant="default" size="sm" onClick={close}>
            Cancel
          </Button>
          <Button
            type="submit"
            size="sm"
            loading={act.isPending}
            leftSection={<Icon name={engage ? 'stop' : 'play'} />}
          >
            {w.button}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
