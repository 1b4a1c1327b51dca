import { Icon } from '../icon';
import classes from './toggle.module.css';

interface Props {
  /** What the picture is called on its button. */
  picture: string;
  table: boolean;
  onChange: (table: boolean) => void;
}

/** Between a picture and the table that says the same. */
export function TwinToggle({ picture, table, onChange }: Props) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would bring a border and a legend that say nothing more
    <div className={classes.toggle} role="group" aria-label="Show as">
      <button type="button" aria-pressed={!table} onClick={() => onChange(false)}>
        <Icon name="chart" size={14} /> {picture}
      </button>
      <button type="button" aria-pressed={table} onClick={() => onChange(true)}>
        <Icon name="table" size={14} /> Table
      </button>
    </div>
  );
}
