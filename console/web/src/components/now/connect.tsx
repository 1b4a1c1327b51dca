import { Link } from 'wouter';
import { Section } from '../section';
import { Snippet } from '../snippet';
import classes from './connect.module.css';

const here = () => window.location.origin;
const host = () => window.location.hostname;

/** How to send the first data, in the order of how quickly something is seen. */
export function Connect() {
  const ways = [
    {
      title: 'See it work first',
      text: 'A small shop of real services, real load and real faults, on this machine.',
      code: 'steersman demo',
    },
    {
      title: 'A program with OpenTelemetry',
      text: 'Set these where it starts. The map draws itself from its traces.',
      code: [
        `export OTEL_EXPORTER_OTLP_ENDPOINT=http://${host()}:4318`,
        'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
        'export OTEL_SERVICE_NAME=checkout',
      ].join('\n'),
    },
    {
      title: 'A Prometheus that you have',
      text: 'Add this to prometheus.yml and reload it.',
      code: ['remote_write:', `  - url: ${here()}/api/v1/write`, '    queue_config: {retry_on_http_429: true}'].join(
        '\n',
      ),
    },
    {
      title: 'Tell it about releases',
      text: 'So that a change stands beside what it broke.',
      code: 'steersman change --service checkout --version v2',
    },
  ];
  return (
    <Section title="Connect something">
      <ol>
        {ways.map((w) => (
          <li key={w.title} className={classes.way}>
            <div>
              <h3>{w.title}</h3>
              <p className="muted">{w.text}</p>
            </div>
            <Snippet code={w.code} label={w.title} />
          </li>
        ))}
      </ol>
      <p className={`${classes.more} muted`}>
        Something else, or with a token of its own:{' '}
        <Link href="/sources" className="link">
          Sources
        </Link>
      </p>
    </Section>
  );
}
