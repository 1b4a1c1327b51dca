import { defineConfig } from '@playwright/test';

const real = { baseURL: process.env.BASE_URL ?? 'http://127.0.0.1:8420' };

// The browser is the system's: set CHROMIUM to use another than Debian's.
export default defineConfig({
  forbidOnly: true,
  fullyParallel: true,
  workers: 2,
  reporter: [['list']],
  timeout: 60_000,
  expect: { timeout: 15_000 },
  use: {
    browserName: 'chromium',
    headless: true,
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    },
    viewport: { width: 1440, height: 900 },
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    trace: 'retain-on-failure',
  },
  projects: [
    { name: 'fixtures', testDir: 'tests/console' },
    // Against a running Steersman: BASE_URL=http://127.0.0.1:8420 LOGIN_URL=<the one-time link that it printed>.
    { name: 'sign-in', testDir: 'tests/real', testMatch: 'sign-in.ts', use: real },
    {
      name: 'real',
      testDir: 'tests/real',
      workers: 1,
      dependencies: ['sign-in'],
      use: { ...real, storageState: 'test-results/visitor.json' },
    },
  ],
});
