import { Button, CopyButton } from '@mantine/core';
import { Icon } from './icon';
import classes from './snippet.module.css';

/** Text to be pasted elsewhere. */
export function Snippet({ code, label }: { code: string; label: string }) {
  return (
    <div className={classes.snippet}>
      <pre>{code}</pre>
      <CopyButton value={code}>
        {({ copied, copy }) => (
          <Button
            variant="subtle"
            size="compact-xs"
            leftSection={<Icon name={copied ? 'check' : 'copy'} size={12} />}
            onClick={copy}
            aria-label={`Copy: ${label}`}
          >
            {copied ? 'Copied' : 'Copy'}
          </Button>
        )}
      </CopyButton>
    </div>
  );
}
