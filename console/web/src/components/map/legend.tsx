import { Button } from '@mantine/core';
import { HealthMark } from '../mark';
import classes from './map.module.css';

interface Props {
  collapsed: boolean;
  expanded: boolean;
  collapse: () => void;
}

/** How to read the map. */
export function Legend({ collapsed, expanded, collapse }: Props) {
  return (
    <div className={classes.legend}>
      <span>In each box: requests per second, share that fails, 95 % are faster than</span>
      <HealthMark health="cause" />
      <HealthMark health="suffers" />
      <HealthMark health="silent" />
      <HealthMark health="learning" />
      <span>width of a line: its rate</span>
      <span>◆ changed within the hour</span>
      {collapsed && <span>stacked box: a namespace, opens on click</span>}
      {expanded && (
        <Button variant="subtle" size="compact-xs" onClick={collapse}>
          Close all namespaces
        </Button>
      )}
    </div>
  );
}
