import type { Incident } from '../../api/types';
import { entityName } from '../../lib/entity';
import { withUnit } from '../../lib/format';
import { signalName } from '../../lib/sentences';
import { ms } from '../../lib/time';
import { EntityName } from '../entity';
import { Moment } from '../moment';
import { Num } from '../num';
import { DataTable } from '../table';

/** The strip in rows and columns. */
export function StripTable({ incident }: { incident: Incident }) {
  return (
    <DataTable
      label="Evidence"
      head={['Onset', 'Service', 'Signal', 'Normal', 'Furthest', 'Back at']}
      numeric={[3, 4]}
      rows={(incident.findings ?? []).map((f) => ({
        key: f.id,
        cells: [
          <Moment key="onset" at={f.onset} />,
          <span key="who" className="wrap">
            {f.signal.client && `${entityName(f.signal.client)} → `}
            <EntityName entity={f.signal.entity} />
          </span>,
          signalName(f.signal),
          `${withUnit(f.low, f.signal.unit)} to ${withUnit(f.high, f.signal.unit)}`,
          <Num key="now" query={f.signal.query}>
            {f.direction === 'absent' ? 'gone' : withUnit(f.now, f.signal.unit)}
          </Num>,
          Number.isNaN(ms(f.ended)) ? 'still outside' : <Moment key="end" at={f.ended} />,
        ],
      }))}
    />
  );
}
