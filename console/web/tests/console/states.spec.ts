import { nasty } from '../fixtures/scenarios';
import { expect, test } from '../fixtures/test';

test('nothing to do is said in as many words', async ({ page, visit, accessible }) => {
  await visit('/', 'quiet');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Nothing needs you.');
  await accessible();
});

test('a door that is shut is said where the sources are', async ({ page, visit, accessible }) => {
  await visit('/', 'crowded');
  await expect(page.getByText('OTLP over gRPC is off')).toBeVisible();
  await accessible();
});

test('without any data, Now says how to connect some', async ({ page, visit, accessible }) => {
  await visit('/', 'empty');
  await expect(page.getByText('steersman demo', { exact: true })).toBeVisible();
  await expect(page.getByText('OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318')).toBeVisible();
  await expect(page.getByText('remote_write:')).toBeVisible();
  await accessible();
});

for (const path of ['/map', '/incidents', '/decisions', '/sources']) {
  test(`${path} says that it is empty`, async ({ page, visit, accessible }) => {
    await visit(path, 'empty');
    await expect(
      page.getByText(/^(No calls seen yet|No incident is on record|Nothing was ever proposed|Nobody sends data)\.$/),
    ).toBeVisible();
    await accessible();
  });
}

for (const path of [
  '/',
  '/map',
  '/incidents',
  '/incidents/inc-x',
  '/decisions',
  '/decisions/x',
  '/explore?q=up',
  '/sources',
  '/sources?source=x',
]) {
  test(`${path} says why it cannot load`, async ({ page, visit, accessible }) => {
    await visit(path, 'error');
    await expect(page.getByRole('alert')).toContainText('The store does not answer');
    await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible();
    await accessible();
  });

  test(`${path} shows that it is loading`, async ({ page, visit, accessible }) => {
    await visit(path, 'loading');
    await expect(page.getByRole('status').filter({ hasText: 'Loading' })).toBeAttached();
    await accessible();
  });
}

test('a paper that does not exist is told apart from a fault', async ({ page, visit }) => {
  await visit('/incidents/inc-none');
  await expect(page.getByRole('alert')).toContainText('There is no such incident');
});

test('signed out: how to sign in, and nothing else', async ({ page, visit, accessible }) => {
  await visit('/decisions', 'signedOut');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('You are signed out');
  await expect(page.getByText('steersman login')).toBeVisible();
  await expect(page.getByRole('navigation')).toHaveCount(0);
  await accessible();
});

test('a bad query is answered with what is wrong', async ({ page, visit }) => {
  await visit('/explore?q=bad(');
  await expect(page.getByRole('alert')).toContainText('unclosed left parenthesis');
});

test('crowded: namespaces close, long lists stay usable, a hundred signals are offered in parts', async ({
  page,
  visit,
  accessible,
}) => {
  await visit('/map', 'crowded');
  const boxes = page.getByRole('region', { name: /Service map/ }).getByRole('button');
  await expect(boxes).toHaveCount(5);
  await boxes.first().click();
  await expect(boxes).toHaveCount(19);
  await accessible();
  await visit('/incidents/inc-7k2mq0d1r5', 'crowded');
  await expect(page.getByRole('button', { name: 'Show all 100 signals' })).toBeVisible();
  await visit('/', 'crowded');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('6 decisions wait for you, 12 incidents are open.');
  await accessible();
});

for (const path of ['/', '/map', '/incidents/inc-7k2mq0d1r5', '/decisions/prp-1', '/sources']) {
  test(`hostile names are text on ${path}`, async ({ page, visit }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    await visit(path, 'hostile');
    await expect(page.getByText(nasty.slice(0, 20)).first()).toBeAttached();
    await expect(page.locator('img, [href^="javascript:"]')).toHaveCount(0);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
}
