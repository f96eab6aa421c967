/** `npm run test:real`: against two versions of real Core Lightning that are installed on this machine. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { Table } from './test/real/table.ts';

const missing = ['CLN_OLD', 'CLN_NEW'].filter(name => {
  const prefix = process.env[name];
  return !prefix || !existsSync(join(prefix, 'bin/lightningd'));
});
if (missing.length > 0) {
  console.error(`test:real needs two versions of Core Lightning, built with one --prefix and installed apart:

  CLN_OLD=/srv/old/usr CLN_NEW=/srv/new/usr npm run test:real

Each is a directory that holds bin/lightningd (make install DESTDIR=…). No bitcoind is needed, nothing leaves
127.0.0.1, and neither directory is written to. Not a directory with bin/lightningd: ${missing.join(', ')}.`);
  process.exit(2);
}

export default defineConfig({
  test: {
    include: ['test/real/**/*.real.ts'],
    globalSetup: ['test/setup.ts'],
    fileParallelism: false,
    testTimeout: 240_000,
    reporters: ['default', new Table()],
  },
});
