// The queries behind the console's numbers, so that each can be opened.
import { parseEntity } from './entity';

const quote = (s: string) => `"${s.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;

function matcher(side: 'client' | 'server', entity: string): string[] {
  if (entity === '') return [`${side}=""`];
  const { namespace, name } = parseEntity(entity);
  const out = [`${side}=${quote(name)}`];
  if (namespace) out.push(`${side}_namespace=${quote(namespace)}`);
  return out;
}

const select = (metric: string, labels: string[]) => `steersman_edge_${metric}{${labels.join(',')}}`;

export interface FlowQueries {
  rate: string;
  errors: string;
  p95: string;
}

function flow(labels: string[], over: number): FlowQueries {
  const w = `[${Math.max(15, Math.round(over))}s]`;
  const rate = (metric: string) => `rate(${select(metric, labels)}${w})`;
  return {
    rate: `sum(${rate('requests_total')})`,
    errors: `sum(${rate('errors_total')}) / sum(${rate('requests_total')})`,
    p95: `histogram_quantile(0.95, sum by (le) (${rate('duration_seconds_bucket')}))`,
  };
}

/** A service's requests as it measured them itself. */
export const serviceFlow = (entity: string, over = 60, version = ''): FlowQueries =>
  flow([...matcher('server', entity), 'side="server"', ...(version ? [`version=${quote(version)}`] : [])], over);

/** The requests from one service to another, as one side measured them. */
export const edgeFlow = (client: string, server: string, side: 'client' | 'server', over = 60): FlowQueries =>
  flow([...matcher('client', client), ...matcher('server', server), `side="${side}"`], over);

/** The address under which Explore shows a query. */
export function exploreLink(query: string, opt: { from?: number; to?: number } = {}): string {
  const p = new URLSearchParams({ q: query });
  if (opt.from !== undefined && opt.to !== undefined) {
    p.set('from', new Date(opt.from).toISOString());
    p.set('to', new Date(opt.to).toISOString());
  }
  return `/explore?${p}`;
}
