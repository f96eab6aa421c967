/**
 * The types of the library: `node scripts/types.js DIR` writes the declarations that src/index.ts and src/manifest.ts lead to, and none of the
 * files that it does not.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const checkout = join(import.meta.dirname, '..');
const [directory = 'dist/types'] = process.argv.slice(2);
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
execFileSync(process.execPath, [
  tsc,
  '--project',
  join(checkout, 'tsconfig.types.json'),
  '--outDir',
  directory,
]);

const needed = new Set();
const waiting = ['index.d.ts', 'manifest.d.ts'].map(name => join(directory, name));
for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
  if (needed.has(file)) continue;
  needed.add(file);
  for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/['"](\.[^'"]*)\.ts['"]/g))
    waiting.push(join(dirname(file), `${path}.d.ts`));
}
for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }))
  if (name.endsWith('.d.ts') && !needed.has(join(directory, name))) rmSync(join(directory, name));

// TypeScript takes in no @types on its own since version 6: what names Buffer or node:fs says so. holdfast/manifest needs none.
const index = join(directory, 'index.d.ts');
writeFileSync(index, `/// <reference types="node" />\n${readFileSync(index, 'utf8')}`);
