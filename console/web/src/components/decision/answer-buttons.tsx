import { Button } from '@mantine/core';
import type { Answer } from '../../api/queries';
import type { Decision } from '../../api/types';
import { canAnswer, canRevert } from '../../lib/sentences';
import { Icon } from '../icon';

/** What a person can still do about a decision; nothing when that is nothing. */
export function AnswerButtons({ decision, ask }: { decision: Decision; ask: (a: Answer) => void }) {
  const about = decision.proposal.title;
  return (
    <>
      {canAnswer(decision) && (
        <>
          <Button
            leftSection={<Icon name="check" size={14} />}
            onClick={() => ask('approve')}
            aria-label={`Approve: ${about}`}
          >
            Approve…
          </Button>
          <Button
            variant="default"
            leftSection={<Icon name="cross" size={14} />}
            onClick={() => ask('refuse')}
            aria-label={`Refuse: ${about}`}
          >
            Refuse…
          </Button>
        </>
      )}
      {canRevert(decision) && (
        <Button
          variant="default"
          leftSection={<Icon name="back" size={14} />}
          onClick={() => ask('revert')}
          aria-label={`Take back: ${about}`}
        >
          Take back…
        </Button>
      )}
    </>
  );
}
