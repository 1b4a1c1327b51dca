import { type KeyboardEvent, useId, useMemo, useState } from 'react';
import { matching } from '../../lib/match';
import { Dialog } from '../dialog';
import { Icon } from '../icon';
import { type Command, useCommands } from './commands';
import classes from './palette.module.css';

interface Props {
  opened: boolean;
  close: () => void;
  openStop: () => void;
  openHelp: () => void;
}

/** Ctrl-K: everything that has an address or a name. */
export function Palette({ opened, close, openStop, openHelp }: Props) {
  return (
    <Dialog opened={opened} close={close} title="Go to" size={560} bare>
      <Search close={close} openStop={openStop} openHelp={openHelp} />
    </Dialog>
  );
}

function Search({ close, openStop, openHelp }: Omit<Props, 'opened'>) {
  const id = useId();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const commands = useCommands({ openStop, openHelp, text });
  const found = useMemo(() => matching(commands, text, (c) => `${c.name} ${c.hint}`).slice(0, 12), [commands, text]);
  const chosen = Math.min(at, found.length - 1);
  const run = (c: Command | undefined) => {
    if (!c) return;
    close();
    c.run();
  };
  const onKey = (e: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (by) setAt((chosen + by + found.length) % Math.max(1, found.length));
    else if (e.key === 'Enter') run(found[chosen]);
    else return;
    e.preventDefault();
  };
  return (
    <>
      <div className={classes.field}>
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={found[chosen] ? `${id}-${chosen}` : undefined}
          aria-label="Go to a screen, service, incident or decision, or type a query"
          placeholder="Screen, service, incident, decision, or a query"
          value={text}
          onChange={(e) => {
            setText(e.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKey}
          data-autofocus
          spellCheck={false}
          autoComplete="off"
        />
      </div>
      <div className={classes.list} role="listbox" id={`${id}-list`} aria-label="Found">
        {found.map((c, i) => (
          // biome-ignore lint/a11y/useFocusableInteractive: the input keeps the focus and names the active option
          // biome-ignore lint/a11y/useKeyWithClickEvents: the input handles the keys
          <div
            key={c.id}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === chosen}
            className={classes.option}
            onMouseMove={() => setAt(i)}
            onClick={() => run(c)}
          >
            <Icon name={c.icon} />
            <span className={classes.name}>{c.name}</span>
            <span className={classes.hint}>{c.hint}</span>
          </div>
        ))}
      </div>
      {found.length === 0 && <p className={classes.none}>Nothing here has that name.</p>}
    </>
  );
}
