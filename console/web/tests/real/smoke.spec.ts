// What must hold of any running Steersman, with or without data.
import AxeBuilder from '@axe-core/playwright';
import { expect, test } from './real';

const screens = [
  ['/', 'Now'],
  ['/map', 'Map'],
  ['/incidents', 'Incidents'],
  ['/decisions', 'Decisions'],
  ['/explore', 'Explore'],
] as const;

for (const [path, title] of screens) {
  test(`${title} opens from its address, without axe violations`, async ({ page }) => {
    await page.goto(path);
    await expect(page).toHaveTitle(`${title} · Steersman`);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.locator('.mantine-Skeleton-root')).toHaveCount(0);
    await expect(page.getByRole('alert')).toHaveCount(0);
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(' ')}`)).toEqual([]);
  });
}

test('the page comes with a strict policy', async ({ page }) => {
  const policy = (await page.goto('/'))?.headers()['content-security-policy'] ?? '';
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain('unsafe');
});

test('the stream of changes is open', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
});

test('a query is answered', async ({ page }) => {
  await page.goto('/explore?q=vector(42)');
  await expect(page.getByRole('cell', { name: '42' }).first()).toBeVisible();
});

test('all actions are stopped and resumed', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('button', { name: /Stop all actions/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop all actions' }).click();
  await page.getByRole('button', { name: 'Resume…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume actions' }).click();
  await expect(page.getByRole('button', { name: 'Resume…' })).toHaveCount(0);
});

test('a stranger is told how to sign in', async ({ browser }) => {
  const stranger = await browser.newContext({ storageState: { cookies: [], origins: [] } });
  const page = await stranger.newPage();
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('You are signed out');
  await stranger.close();
});
