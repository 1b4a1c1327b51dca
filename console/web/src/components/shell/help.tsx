import { Switch } from '@mantine/core';
import { useSettings } from '../../lib/settings';
import { Dialog } from '../dialog';
import classes from './help.module.css';

const keys: [string[], string][] = [
  [['Ctrl', 'K'], 'Go to anything'],
  [['g', 'n'], 'Now'],
  [['g', 'm'], 'Map'],
  [['g', 'i'], 'Incidents'],
  [['g', 'd'], 'Decisions'],
  [['g', 'e'], 'Explore'],
  [['g', 's'], 'Sources'],
  [['j'], 'Next row'],
  [['k'], 'Row before'],
  [['Enter'], 'Open the row'],
  [['a'], 'Approve the proposal in focus (asks first)'],
  [['r'], 'Refuse it (asks first)'],
  [['?'], 'This list'],
];

export function Help({ opened, close }: { opened: boolean; close: () => void }) {
  const s = useSettings();
  return (
    <Dialog opened={opened} close={close} title="Keys" size={440}>
      <dl className={classes.keys}>
        {keys.map(([combo, words]) => (
          <div key={words}>
            <dt>
              {combo.map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <Switch
        label="Single letters are shortcuts"
        checked={s.keys}
        onChange={(e) => s.setKeys(e.currentTarget.checked)}
      />
    </Dialog>
  );
}
