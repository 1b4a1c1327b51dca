import { Link } from 'wouter';
import { entityPath } from '../lib/entity';

export const serviceLink = (entity: string) => `/map?service=${encodeURIComponent(entity)}`;

/** A service's name; it opens its place on the map. */
export function EntityName({ entity, plain }: { entity: string; plain?: boolean }) {
  if (plain || entity === '') return <span className="wrap">{entityPath(entity)}</span>;
  return (
    <Link href={serviceLink(entity)} className="num wrap">
      {entityPath(entity)}
    </Link>
  );
}
