// Pictures of every screen for people to look at: SHOTS=<folder> npm run e2e -- shots
import { test } from '../fixtures/test';

const folder = process.env.SHOTS ?? '';
const screens: [string, string, string][] = [
  ['now', '/', 'shop'],
  ['now-quiet', '/', 'quiet'],
  ['now-empty', '/', 'empty'],
  ['now-stopped', '/', 'stopped'],
  ['now-crowded', '/', 'crowded'],
  ['now-hostile', '/', 'hostile'],
  ['now-error', '/', 'error'],
  ['signed-out', '/', 'signedOut'],
  ['map', '/map', 'shop'],
  ['map-chosen', '/map?service=service:checkout', 'shop'],
  ['map-crowded', '/map', 'crowded'],
  ['map-table', '/map?view=table', 'shop'],
  ['incidents', '/incidents', 'shop'],
  ['incident', '/incidents/inc-7k2mq0d1r5', 'shop'],
  ['incident-table', '/incidents/inc-7k2mq0d1r5?view=table', 'shop'],
  ['incident-unsure', '/incidents/inc-unsure', 'shop'],
  ['decisions', '/decisions', 'shop'],
  ['decision', '/decisions/prp-1', 'shop'],
  ['decision-kept', '/decisions/prp-2', 'shop'],
  ['explore', '/explore?q=sum+by+(server)+(rate(steersman_edge_requests_total[1m]))', 'shop'],
  ['sources', '/sources', 'shop'],
  ['sources-empty', '/sources', 'empty'],
  ['sources-crowded', '/sources', 'crowded'],
  ['sources-hostile', '/sources', 'hostile'],
  ['sources-error', '/sources', 'error'],
  ['source', '/sources?source=eu-prometheus', 'shop'],
  ['source-open', '/sources?source=otlp%2Fcheckout', 'shop'],
  ['explore-empty', '/explore', 'shop'],
];

for (const [name, path, scenario] of folder ? screens : []) {
  for (const scheme of ['light', 'dark'] as const) {
    for (const width of [1440, 360]) {
      test(`${name} ${scheme} ${width}`, async ({ page, visit }) => {
        await page.emulateMedia({ colorScheme: scheme });
        await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
        await visit(path, scenario);
        await page.waitForTimeout(900);
        await page.screenshot({
          path: `${folder}/${name}-${scheme}-${width}.png`,
          fullPage: width === 360 || name.startsWith('incident') || name.startsWith('decision'),
        });
      });
    }
  }
}
