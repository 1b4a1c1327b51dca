import type { Change } from '../../api/types';
import { ms, offset } from '../../lib/time';
import { EntityName } from '../entity';
import { Icon } from '../icon';
import { Moment } from '../moment';
import { Rows, Section } from '../section';
import classes from './change-list.module.css';

const words: Record<string, string> = {
  deployed: 'deployed',
  rolledback: 'rolled back',
  configured: 'configured',
  scaled: 'scaled',
  restarted: 'restarted',
};

const isWeb = (link: string | undefined): link is string => link !== undefined && /^https?:\/\//i.test(link);

/** What was changed, and when against the onset. */
export function ChangeList({ changes, onset }: { changes: Change[]; onset: string }) {
  return (
    <Section title="Changes" count={changes.length}>
      <Rows>
        {changes.map((c) => (
          <li key={c.id} className={classes.row}>
            <Icon name="change" size={14} />
            <div>
              <p className="wrap">
                <EntityName entity={c.entity} /> {words[c.kind] ?? c.kind}
                {c.version && (
                  <>
                    {' '}
                    {c.before && `${c.before} → `}
                    <strong>{c.version}</strong>
                  </>
                )}
              </p>
              {c.note && <p className="muted wrap small">{c.note}</p>}
              <p className="muted small wrap">
                <Moment at={c.at} />, {offset(ms(c.at), ms(onset))} from the onset
                {c.by && ` · by ${c.by}`}
                {isWeb(c.link) && (
                  <>
                    {' · '}
                    <a href={c.link} rel="noreferrer noopener" target="_blank" className="link">
                      pipeline
                    </a>
                  </>
                )}
              </p>
            </div>
          </li>
        ))}
      </Rows>
    </Section>
  );
}
