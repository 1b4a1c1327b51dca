import type { Receipt } from '../../api/types';
import { changes } from '../../lib/before-after';
import classes from './decision.module.css';

/** What an action changes, name by name. */
export function BeforeAfter({ receipt, caption }: { receipt: Receipt; caption: string }) {
  const rows = changes(receipt.before, receipt.after);
  return (
    <table className={classes.compare}>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">
            <span className="hidden">What</span>
          </th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((r) => (
          <tr key={r.name} data-changed={r.changed || undefined}>
            <th scope="row">{r.name}</th>
            <td>{r.before}</td>
            <td>
              {r.after}
              {!r.changed && <span className="muted"> (as it is)</span>}
            </td>
          </tr>
        ))}
        {rows.length === 0 && (
          <tr>
            <td colSpan={3} className="muted">
              The actuator names nothing that changes.
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
