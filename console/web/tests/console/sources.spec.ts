import { expect, test } from '../fixtures/test';

test('those in trouble come first, and say what was refused and why', async ({ page, visit }) => {
  await visit('/sources');
  const rows = page.locator('[data-row]');
  await expect(rows).toHaveText([
    'eu-prometheus',
    'otlp/checkout',
    'remote-write',
    'gh',
    'otlp/storefront',
    'shop-collector',
  ]);
  await expect(page.getByText('1,100,210 refused, mostly too many new series')).toBeVisible();
  await expect(page.getByText('Has not sent yet')).toBeVisible();
  await page.getByRole('link', { name: 'eu-prometheus' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('eu-prometheus');
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  await expect(page.getByText('look for a label that never repeats')).toBeVisible();
  await expect(page.getByText('It may send 25,000 items a second, 5,000 new series a minute.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Take its token away' })).toHaveCount(0);
});

test('a source is added: its token is shown once, with what connects it', async ({ page, visit, accessible }) => {
  await visit('/sources');
  await page.getByRole('button', { name: 'Add a source' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('textbox', { name: 'Name' })).toBeFocused();
  await accessible();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('gh');
  await dialog.getByRole('button', { name: 'Make its token' }).click();
  await expect(dialog.getByRole('alert')).toContainText('is there already');
  await dialog.getByRole('textbox', { name: 'Name' }).fill('pay');
  await dialog.getByRole('button', { name: 'Make its token' }).click();
  await expect(dialog.getByText('credentials: src_')).toBeVisible();
  await accessible();
  await dialog.getByRole('button', { name: 'I have it' }).click();
  await expect(page.getByRole('link', { name: 'pay', exact: true })).toBeVisible();
  await expect(page.getByText('src_')).toHaveCount(0);
});

test('a token is taken away, after asking', async ({ page, visit, accessible }) => {
  await visit('/sources?source=shop-collector');
  await page.getByRole('button', { name: 'Take its token away' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await accessible();
  await dialog.getByRole('button', { name: 'Take it away' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sources');
  await expect(page.getByRole('link', { name: 'shop-collector' })).toHaveCount(0);
});

test('the snippet is for what is chosen', async ({ page, visit }) => {
  await visit('/sources?source=eu-prometheus');
  await expect(page.getByText('In prometheus.yml; then reload.')).toBeVisible();
  await expect(page.getByText('Put the token in the place of TOKEN')).toBeVisible();
  await page.getByRole('combobox', { name: 'What sends' }).click();
  await page.getByRole('option', { name: 'OpenTelemetry SDK' }).click();
  await expect(page.getByText('In the environment of the service.')).toBeVisible();
});

test('a name with any sign in it opens', async ({ page, visit }) => {
  await visit('/sources', 'hostile');
  await page.getByRole('link', { name: /100%$/ }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('100%');
});

test('a source that is not there is told apart from a fault', async ({ page, visit }) => {
  await visit('/sources?source=nobody');
  await expect(page.getByRole('alert')).toContainText('There is no such source');
});
