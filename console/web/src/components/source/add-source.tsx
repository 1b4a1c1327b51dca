import { Button, Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useAddSource } from '../../api/queries';
import type { AddedSource } from '../../api/types';
import { senderWords } from '../../lib/sources';
import { useAnnounce } from '../announcer';
import { Dialog } from '../dialog';
import { Snippet } from '../snippet';
import classes from './source.module.css';

interface Props {
  opened: boolean;
  close: () => void;
}

/** Gives a source a name and shows its token, once. */
export function AddSource({ opened, close }: Props) {
  const [added, setAdded] = useState<AddedSource>();
  const done = () => {
    close();
    setAdded(undefined);
  };
  return (
    <Dialog opened={opened} close={done} title={added ? `Source ${added.name}` : 'Add a source'} size={620}>
      {added ? <Told added={added} close={done} /> : <Form close={done} tell={setAdded} />}
    </Dialog>
  );
}

const kinds = Object.entries(senderWords).map(([value, label]) => ({ value, label }));

function Form({ close, tell }: { close: () => void; tell: (a: AddedSource) => void }) {
  const [name, setName] = useState('');
  const [sender, setSender] = useState('otel');
  const add = useAddSource();
  const announce = useAnnounce();
  return (
    <form
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault();
        add.mutate(
          { name: name.trim(), sender },
          {
            onSuccess: (a) => {
              announce(`Source ${a.name} has a token`);
              tell(a);
            },
          },
        );
      }}
    >
      <p className="muted">
        Whatever is sent with its token is counted under its name, and limited by it, whatever the data says.
      </p>
      <TextInput
        label="Name"
        description="Letters, digits, . _ and -"
        value={name}
        maxLength={64}
        onChange={(e) => setName(e.currentTarget.value)}
        data-autofocus
        required
      />
      <Select
        label="What sends"
        data={kinds}
        value={sender}
        onChange={(k) => k && setSender(k)}
        allowDeselect={false}
      />
      {add.isError && (
        <p role="alert" className="harm wrap">
          {add.error.message}
        </p>
      )}
      <div className={classes.buttons}>
        <Button variant="default" size="sm" onClick={close}>
          Cancel
        </Button>
        <Button type="submit" size="sm" loading={add.isPending} disabled={name.trim() === ''}>
          Make its token
        </Button>
      </div>
    </form>
  );
}

function Told({ added, close }: { added: AddedSource; close: () => void }) {
  return (
    <div className={classes.form}>
      <p>Its token is in the text below. It is shown this once: Steersman keeps only its digest.</p>
      <p className="muted">{added.connect.where}</p>
      <Snippet code={added.connect.text} label={`how to connect ${added.name}`} />
      <p className="small muted">The token alone:</p>
      <Snippet code={added.token} label="the token" />
      <div className={classes.buttons}>
        <Button size="sm" onClick={close} data-autofocus>
          I have it
        </Button>
      </div>
    </div>
  );
}
