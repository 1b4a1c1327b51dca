import { expect, test } from '../fixtures/test';

const screens: [string, string, string][] = [
  ['Now', '/', 'decision waits for you'],
  ['Map', '/map', 'Map'],
  ['Map as a table', '/map?view=table', 'Map'],
  ['Map with a service chosen', '/map?service=service:checkout', 'Map'],
  ['Incidents', '/incidents', 'Incidents'],
  ['Incident', '/incidents/inc-7k2mq0d1r5', 'Checkout fails 12 % of requests'],
  ['Incident as a table', '/incidents/inc-7k2mq0d1r5?view=table', 'Checkout fails 12 % of requests'],
  ['Incident without a cause', '/incidents/inc-unsure', 'Search is 4 times slower'],
  ['Decisions', '/decisions', 'Decisions'],
  ['Decision that waits', '/decisions/prp-1', 'Send all checkout traffic back to v1'],
  ['Decision that was kept', '/decisions/prp-2', 'Send all checkout traffic back to v1'],
  ['Explore', '/explore', 'Explore'],
  ['Explore with a result', '/explore?q=sum+by+(server)+(up)', 'Explore'],
  ['Explore as a table', '/explore?q=sum+by+(server)+(up)&view=table', 'Explore'],
  ['Sources', '/sources', 'Sources'],
  ['Source with a token', '/sources?source=eu-prometheus', 'eu-prometheus'],
  ['Source without one', '/sources?source=otlp%2Fcheckout', 'otlp/checkout'],
  ['No such page', '/nowhere', 'No such page'],
];

for (const [name, path, heading] of screens) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${name}, ${colorScheme}: heading, title, axe`, async ({ page, visit, accessible }) => {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await visit(path);
      await expect(page.getByRole('heading', { level: 1 })).toContainText(heading);
      await expect(page).toHaveTitle(/ · Steersman$/);
      await expect(page.locator('.mantine-Skeleton-root')).toHaveCount(0);
      await accessible();
    });
  }

  test(`${name} fits 360 px`, async ({ page, visit }) => {
    await page.setViewportSize({ width: 360, height: 740 });
    await visit(path);
    await expect(page.getByRole('heading', { level: 1 })).toContainText(heading);
    await expect(page.locator('.mantine-Skeleton-root')).toHaveCount(0);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(360);
  });
}
