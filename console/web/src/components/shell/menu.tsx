import { ActionIcon, type MantineColorScheme, Menu, useMantineColorScheme } from '@mantine/core';
import type { Me } from '../../api/types';
import { useSettings } from '../../lib/settings';
import { Icon } from '../icon';
import { useShell } from './context';

const schemes: [MantineColorScheme, string][] = [
  ['auto', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

/** How the console looks, and who is looking. */
export function ViewMenu({ me }: { me: Me | undefined }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const { zone, setZone } = useSettings();
  const { openHelp } = useShell();
  const mark = (on: boolean) => (on ? <Icon name="check" size={14} /> : <span style={{ width: 14 }} />);
  return (
    <Menu position="bottom-end" width={216} shadow="md" withinPortal>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size={28} aria-label="View and account">
          <Icon name="more" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Colours</Menu.Label>
        {schemes.map(([scheme, words]) => (
          <Menu.Item
            key={scheme}
            leftSection={mark(colorScheme === scheme)}
            onClick={() => setColorScheme(scheme)}
            aria-current={colorScheme === scheme}
          >
            {words}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Label>Times</Menu.Label>
        {(['local', 'UTC'] as const).map((z) => (
          <Menu.Item key={z} leftSection={mark(zone === z)} onClick={() => setZone(z)} aria-current={zone === z}>
            {z === 'UTC' ? 'UTC' : 'Local'}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="question" size={14} />} onClick={openHelp} rightSection={<kbd>?</kbd>}>
          Keys
        </Menu.Item>
        {me && (
          <Menu.Label>
            {me.name}, {me.role} · Steersman {me.version}
          </Menu.Label>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
