/** The texts of --help, laid out once: `node scripts/help.js FILE` writes them by command, '' for holdfast itself. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { load } from './load.js';

const { version } = createRequire(import.meta.url)('../package.json');
/** @type {typeof import('../src/cli/help.ts')} */
const { helpText } = await load('cli/help.ts');
/** @type {typeof import('../src/cli/table.ts')} */
const { commandSpecs } = await load('cli/table.ts');
const [file = 'dist/help.json'] = process.argv.slice(2);

const names = /** @type {(keyof typeof commandSpecs)[]} */ (Object.keys(commandSpecs));
const texts = {
  '': helpText(undefined, version),
  ...Object.fromEntries(names.map(name => [name, helpText(name, version)])),
};
writeFileSync(file, JSON.stringify(texts));
