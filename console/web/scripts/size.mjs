// Prints what the browser must fetch, gzipped, and fails when the script grows past its limit.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const limit = 300 * 1024;
const dir = new URL('../dist/assets/', import.meta.url);
let script = 0;
for (const name of readdirSync(dir).sort()) {
  const size = name.endsWith('.woff2')
    ? readFileSync(new URL(name, dir)).length
    : gzipSync(readFileSync(new URL(name, dir))).length;
  if (name.endsWith('.js')) script += size;
  process.stdout.write(`${(size / 1024).toFixed(1).padStart(8)} kB  ${name}\n`);
}
process.stdout.write(
  `${(script / 1024).toFixed(1).padStart(8)} kB  all scripts, gzipped; the limit is ${limit / 1024} kB\n`,
);
if (script > limit) process.exit(1);
