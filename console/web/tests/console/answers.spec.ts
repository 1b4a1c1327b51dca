import { expect, test } from '../fixtures/test';

test('approve with the keyboard alone', async ({ page, visit, accessible }) => {
  await visit('/');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.keyboard.press('j');
  await expect(page.getByRole('link', { name: 'Send all checkout traffic back to v1' })).toBeFocused();
  await page.keyboard.press('a');
  const dialog = page.getByRole('dialog', { name: 'Approve this?' });
  await expect(dialog).toBeVisible();
  await expect(dialog.getByRole('row', { name: 'v2 25 0' })).toBeVisible();
  await expect(dialog.getByRole('button', { name: 'Approve', exact: true })).toBeFocused();
  await accessible();
  await page.keyboard.press('Enter');
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId('announcer')).toHaveText('Approved: Send all checkout traffic back to v1');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('1 incident is open.');
});

test('refuse with a reason; the record keeps it', async ({ page, visit }) => {
  await visit('/decisions/prp-1');
  await page.getByRole('button', { name: /^Refuse/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Refuse this?' });
  await dialog.getByLabel('Why (goes on record)').fill('v2 is fixed forward');
  await dialog.getByRole('button', { name: 'Refuse' }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText('refused', { exact: false }).first()).toBeVisible();
  await expect(page.getByText('“v2 is fixed forward”')).toBeVisible();
  await expect(page.getByRole('button', { name: /^Approve/ })).toHaveCount(0);
});

test('taking back shows first what will change', async ({ page, visit, accessible }) => {
  await visit('/decisions/prp-2');
  await page.getByRole('button', { name: /^Take back/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Take this back?' });
  await expect(dialog.getByRole('row', { name: 'v2 0 25' })).toBeVisible();
  await accessible();
  await dialog.getByRole('button', { name: 'Take it back' }).click();
  await expect(page.getByText('Taking it back').first()).toBeVisible();
});

test('escape closes the dialog and gives the focus back', async ({ page, visit }) => {
  await visit('/decisions/prp-1');
  const button = page.getByRole('button', { name: /^Approve/ });
  await button.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(button).toBeFocused();
});

test('the kill switch: engaged, told on every page, no approval, released', async ({ page, visit, accessible }) => {
  await visit('/');
  await page.getByRole('button', { name: /Stop all actions/ }).click();
  const stop = page.getByRole('dialog', { name: 'Stop all actions?' });
  await stop.getByLabel('Why (goes on record)').fill('router maintenance');
  await accessible();
  await stop.getByRole('button', { name: 'Stop all actions' }).click();
  const banner = page.getByText(/All actions are stopped since/);
  await expect(banner).toContainText('router maintenance');
  await page.getByRole('link', { name: 'Decisions' }).click();
  await expect(page.getByText(/All actions are stopped/).first()).toBeVisible();
  await page
    .getByRole('button', { name: /^Approve/ })
    .first()
    .click();
  await expect(page.getByRole('dialog').getByRole('button', { name: 'Approve' })).toBeDisabled();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Resume…' }).click();
  await page.getByRole('dialog', { name: 'Resume actions?' }).getByRole('button', { name: 'Resume actions' }).click();
  await expect(page.getByText(/All actions are stopped/)).toHaveCount(0);
});
