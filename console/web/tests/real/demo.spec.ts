// What is to be seen while the demo runs. DEMO=1 says that it does.
import { expect, test } from './real';

test.describe('with the demo running', () => {
  test('the map has drawn itself', async ({ page }) => {
    test.skip(!process.env.DEMO, 'DEMO is not set: no demo runs behind BASE_URL');
    await page.goto('/map');
    await expect(page.getByRole('button', { name: /^checkout, / })).toBeVisible({ timeout: 30_000 });
    await page.getByRole('button', { name: /^checkout, / }).click();
    await expect(page).toHaveURL(/service=service%3A/);
    await expect(page.getByRole('region', { name: /checkout$/ })).toContainText('Called by');
    await page.getByRole('button', { name: 'Table' }).click();
    await expect(page.getByRole('row', { name: /checkout/ }).first()).toBeVisible();
  });

  test('a number of the map opens a query that has an answer', async ({ page }) => {
    test.skip(!process.env.DEMO, 'DEMO is not set: no demo runs behind BASE_URL');
    await page.goto('/map?view=table');
    await page
      .getByRole('row', { name: /checkout/ })
      .first()
      .getByRole('link', { name: /\/s$/ })
      .click();
    await expect(page).toHaveURL(/\/explore\?q=/);
    await expect(page.getByText(/^One series: between/)).toBeVisible();
  });

  test('sources are listed on Now', async ({ page }) => {
    test.skip(!process.env.DEMO, 'DEMO is not set: no demo runs behind BASE_URL');
    await page.goto('/');
    await expect(page.getByRole('region', { name: /^Sources/ })).toContainText('otlp/');
  });
});

test('an open incident is told with evidence, causes and what could be done', async ({ page }) => {
  test.skip(!process.env.INCIDENT, 'INCIDENT is not set: nothing is wrong behind BASE_URL');
  await page.goto('/incidents?state=open');
  await page.locator('[data-row]').first().click();
  await expect(
    page
      .getByRole('region', { name: /^Evidence/ })
      .getByRole('listitem')
      .first(),
  ).toBeVisible();
  await expect(page.getByRole('region', { name: /^Probable causes/ })).toContainText('For');
  await expect(page.locator('canvas').first()).toBeVisible();
});

test('a waiting proposal is approved from Now, verified and kept', async ({ page }) => {
  test.skip(!process.env.PROPOSAL, 'PROPOSAL is not set: nothing waits for a person behind BASE_URL');
  test.setTimeout(180_000);
  await page.goto('/decisions?state=open');
  await page.locator('[data-row]').first().click();
  await page.getByRole('button', { name: /^Approve/ }).click();
  await expect(page.getByRole('dialog').getByRole('table')).toContainText('Before');
  await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click();
  await expect(page.getByText('Kept: it helped').first()).toBeVisible({ timeout: 150_000 });
});
