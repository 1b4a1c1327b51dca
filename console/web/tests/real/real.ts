// Tests against a running Steersman: BASE_URL is its address, LOGIN_URL the
// one-time link that it printed. The link works once, so one browser context
// signs in and all tests of a file share it.
import { type BrowserContext, test as base, expect, type Page } from '@playwright/test';

const address = process.env.BASE_URL ?? 'http://127.0.0.1:8420';

export const test = base.extend<{ page: Page; faults: string[] }, { visitor: BrowserContext }>({
  visitor: [
    async ({ browser }, use) => {
      const context = await browser.newContext({ baseURL: address, viewport: { width: 1440, height: 900 } });
      const login = process.env.LOGIN_URL;
      if (login) {
        const page = await context.newPage();
        await page.goto(login);
        await expect(page.getByRole('navigation', { name: 'Screens' })).toBeVisible();
        await page.close();
      }
      await use(context);
      await context.close();
    },
    { scope: 'worker' },
  ],
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from the pattern
  faults: async ({}, use) => use([]),
  page: async ({ visitor, faults }, use) => {
    const page = await visitor.newPage();
    page.on('pageerror', (e) => faults.push(`thrown: ${e.message}`));
    page.on('console', (m) => {
      if (m.type() === 'error' && /Content.Security.Policy|Refused to/i.test(m.text())) faults.push(m.text());
    });
    await use(page);
    await page.close();
    expect(faults, 'the page must neither throw nor try what its policy forbids').toEqual([]);
  },
});

export { expect };
