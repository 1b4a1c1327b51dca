import { useNowTick, useSettings } from '../lib/settings';
import { ago, full, moment, ms } from '../lib/time';

/** A time of day; the whole of it on hover. */
export function Moment({ at }: { at: string | undefined }) {
  const { zone } = useSettings();
  const now = useNowTick(60_000);
  const t = ms(at);
  if (Number.isNaN(t)) return <span className="muted">never</span>;
  return (
    <time dateTime={at} title={full(t, zone)} className="num">
      {moment(t, zone, now)}
    </time>
  );
}

/** A distance to now that goes on ticking. */
export function Ago({ at }: { at: string | undefined }) {
  const { zone } = useSettings();
  const now = useNowTick();
  const t = ms(at);
  if (Number.isNaN(t)) return <span className="muted">never</span>;
  return (
    <time dateTime={at} title={full(t, zone)} className="num">
      {ago(t, now)}
    </time>
  );
}
