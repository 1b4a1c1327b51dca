import { Button } from '@mantine/core';
import { useRemoveSource } from '../../api/queries';
import { useAnnounce } from '../announcer';
import { Dialog } from '../dialog';
import classes from './source.module.css';

interface Props {
  name: string;
  opened: boolean;
  close: () => void;
  gone: () => void;
}

/** Takes a source's token away, after asking. */
export function RemoveSource({ name, opened, close, gone }: Props) {
  const remove = useRemoveSource();
  const announce = useAnnounce();
  return (
    <Dialog opened={opened} close={close} title="Take its token away?" size={480}>
      <div className={classes.form}>
        <p className="wrap">
          What <strong>{name}</strong> sends with its token is refused from then on, and its account is forgotten. What
          it has sent stays.
        </p>
        {remove.isError && (
          <p role="alert" className="harm wrap">
            {remove.error.message}
          </p>
        )}
        <div className={classes.buttons}>
          <Button variant="default" size="sm" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button
            size="sm"
            loading={remove.isPending}
            onClick={() =>
              remove.mutate(name, {
                onSuccess: () => {
                  announce(`Source ${name} has no token any more`);
                  gone();
                },
              })
            }
          >
            Take it away
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
