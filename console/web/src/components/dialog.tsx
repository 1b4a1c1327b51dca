import { Modal } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './dialog.module.css';

interface Props {
  opened: boolean;
  close: () => void;
  /** Its name; shown on top unless bare. */
  title: string;
  size: number;
  bare?: boolean;
  children: ReactNode;
}

/** A modal dialog. It takes the focus, keeps it, and gives it back. */
export function Dialog({ opened, close, title, size, bare, children }: Props) {
  return (
    <Modal.Root opened={opened} onClose={close} size={size} yOffset="10vh" padding={0}>
      <Modal.Overlay backgroundOpacity={0.4} />
      <Modal.Content {...(bare ? { 'aria-label': title } : {})}>
        {bare ? (
          children
        ) : (
          <>
            <div className={classes.head}>
              <Modal.Title className={classes.title}>{title}</Modal.Title>
              <Modal.CloseButton aria-label="Close" />
            </div>
            <Modal.Body className={classes.body}>{children}</Modal.Body>
          </>
        )}
      </Modal.Content>
    </Modal.Root>
  );
}
