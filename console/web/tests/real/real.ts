// Tests against a running Steersman: BASE_URL is its address, LOGIN_URL the
// one-time link that it printed.
import { test as base, expect } from '@playwright/test';

export const test = base.extend({
  page: async ({ page }, use) => {
    const faults: string[] = [];
    page.on('pageerror', (e) => faults.push(`thrown: ${e.message}`));
    page.on('console', (m) => {
      if (m.type() === 'error' && /Content.Security.Policy|Refused to/i.test(m.text())) faults.push(m.text());
    });
    await use(page);
    expect(faults, 'the page must neither throw nor try what its policy forbids').toEqual([]);
  },
});

export { expect };
