import { Link } from 'wouter';
import { entityPath, parseEntity } from '../lib/entity';

const sourceLink = (entity: string) => `/sources?${new URLSearchParams({ source: entityPath(entity) })}`;

export const serviceLink = (entity: string) => `/map?service=${encodeURIComponent(entity)}`;

/** A service's name, which opens its place on the map, or a source's, which opens its account. */
export function EntityName({ entity, plain }: { entity: string; plain?: boolean }) {
  if (plain || entity === '') return <span className="wrap">{entityPath(entity)}</span>;
  return (
    <Link href={parseEntity(entity).kind === 'source' ? sourceLink(entity) : serviceLink(entity)} className="num wrap">
      {entityPath(entity)}
    </Link>
  );
}
