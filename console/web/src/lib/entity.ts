// Entities in text form: "service:namespace/name". The empty text is the outside world.

export interface EntityParts {
  kind: string;
  namespace: string;
  name: string;
}

export function parseEntity(e: string): EntityParts {
  const colon = e.indexOf(':');
  const kind = colon < 0 ? '' : e.slice(0, colon);
  const rest = e.slice(colon + 1);
  const slash = rest.indexOf('/');
  return slash < 0
    ? { kind, namespace: '', name: rest }
    : { kind, namespace: rest.slice(0, slash), name: rest.slice(slash + 1) };
}

/** What people call it: the name alone, or "outside" for callers that send no telemetry. */
export const entityName = (e: string) => (e === '' ? 'outside' : parseEntity(e).name);

/** The name with the namespace in front when there is one. */
export function entityPath(e: string): string {
  const p = parseEntity(e);
  return p.namespace ? `${p.namespace}/${p.name}` : entityName(e);
}
