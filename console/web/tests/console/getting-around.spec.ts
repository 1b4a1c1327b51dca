import { expect, test } from '../fixtures/test';

test('g and a letter go to a screen; the heading takes the focus', async ({ page, visit }) => {
  await visit('/');
  await page.getByRole('heading', { level: 1 }).waitFor();
  for (const [key, path, title] of [
    ['m', '/map', 'Map · Steersman'],
    ['i', '/incidents', 'Incidents · Steersman'],
    ['d', '/decisions', 'Decisions · Steersman'],
    ['e', '/explore', 'Explore · Steersman'],
    ['s', '/sources', 'Sources · Steersman'],
    ['n', '/', 'Now · Steersman'],
  ] as const) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await expect(page).toHaveURL((u) => u.pathname === path);
    await expect(page).toHaveTitle(title);
    await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  }
});

test('j, k and Enter walk a list', async ({ page, visit }) => {
  await visit('/incidents');
  const rows = page.locator('[data-row]');
  await expect(rows).toHaveCount(3);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(rows.nth(1)).toBeFocused();
  await page.keyboard.press('k');
  await expect(rows.nth(0)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/incidents\/inc-7k2mq0d1r5$/);
});

test('letters are text in fields, and can be switched off as shortcuts', async ({ page, visit }) => {
  await visit('/explore');
  await page.getByRole('textbox').fill('');
  await page.getByRole('textbox').pressSequentially('gm?');
  await expect(page.getByRole('textbox')).toHaveValue('gm?');
  await page.getByRole('heading', { level: 1 }).click();
  await page.keyboard.press('?');
  await page.getByRole('switch').press('Space');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.keyboard.press('g');
  await page.keyboard.press('m');
  await expect(page).toHaveURL(/\/explore$/);
});

test('the palette finds screens, services, incidents and queries', async ({ page, visit, accessible }) => {
  await visit('/');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.keyboard.press('Control+k');
  const input = page.getByRole('combobox');
  await expect(input).toBeFocused();
  await accessible();
  await input.fill('inventory');
  await expect(page.getByRole('option').first()).toContainText('inventory');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/service=service%3Ainventory/);
  await page.keyboard.press('Control+k');
  await input.fill('rate(up[1m])');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL((u) => u.pathname === '/explore' && u.searchParams.get('q') === 'rate(up[1m])');
});

test('the first Tab offers to skip to the page', async ({ page, visit }) => {
  await visit('/');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to the page' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('main')).toBeFocused();
});

test('a number opens its query', async ({ page, visit }) => {
  await visit('/incidents/inc-7k2mq0d1r5');
  await page.getByRole('link', { name: '42 %' }).first().click();
  await expect(page).toHaveURL(/\/explore\?q=/);
  await expect(page.getByRole('textbox')).not.toHaveValue('');
});

test('the colours and the zone are kept', async ({ page, visit }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await visit('/');
  await page.getByRole('button', { name: 'View and account' }).click();
  await page.getByRole('menuitem', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.getByRole('button', { name: /local$/ }).click();
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await expect(page.getByRole('button', { name: /UTC$/ })).toBeVisible();
});

test('a new incident appears and is said aloud', async ({ page, visit }) => {
  await visit('/');
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
  await page.evaluate(() => fetch('/steersman/v1/test/incident', { method: 'POST', body: '{}' }));
  await expect(page.getByRole('link', { name: 'Search fails 9 % of requests' })).toBeVisible();
  await expect(page.getByTestId('announcer')).toHaveText('New incident: Search fails 9 % of requests');
});

test('the map keeps its places from visit to visit', async ({ page, visit }) => {
  await visit('/map');
  const box = page.getByRole('button', { name: /^payment,/ });
  const before = await box.boundingBox();
  await page.reload();
  await expect(box).toBeVisible();
  expect(await box.boundingBox()).toEqual(before);
});
