// Signs in with the one-time link before all other tests, so that a test which
// fails, and the fresh browser that follows it, do not need a second link.
import { expect, test as setup } from '@playwright/test';

setup('sign in with the link that the server printed', async ({ page }) => {
  const login = process.env.LOGIN_URL;
  if (login) {
    await page.goto(login);
    await expect(page.getByRole('navigation', { name: 'Screens' })).toBeVisible();
  }
  await page.context().storageState({ path: 'test-results/visitor.json' });
});
