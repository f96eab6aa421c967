/**
 * The manual pages, from docs/man and the table of options: `node scripts/man.js DIR` writes DIR/holdfast.1 and
 * DIR/holdfast-manifest.5.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Marked } from 'marked';
import markedMan from 'marked-man';
import { load } from './load.js';

const require = createRequire(import.meta.url);
const { version } = require('../package.json');
const { commandSpecs, optionSpecs } = /** @type {typeof import('../src/cli/table.ts')} */ (
  await load('cli/table.ts')
);
const HEADER = { manVersion: `holdfast ${version}`, manual: 'holdfast' };
/** Every list in our pages is one of terms, `term:` and then the text: tagged paragraphs, as man(7) calls them. */
const renderer = {
  ...markedMan.renderer,
  list: (/** @type {string} */ body) => body,
  listitem: (/** @type {string} */ text) =>
    `.TP\n${text
      .trim()
      .replace(/^\.P\s/, '')
      .replace(/:\n/, '\n')}\n`,
};
const [directory = 'dist/man'] = process.argv.slice(2);

/** What stands for the comment of this name in the page. @type {Record<string, () => string>} */
const PARTS = {
  commands: () =>
    list(
      Object.entries(commandSpecs).map(([name, { usage, summary }]) => [
        `\`${name}\` ${placeholders(usage)}`.trim(),
        summary,
      ]),
    ),
  options: () =>
    list(
      Object.entries(optionSpecs).map(([name, { value, valueOptional, help }]) => {
        const shown = value === undefined ? '' : valueOptional ? `[=${value}]` : `=${value}`;
        return [`\`--${name}${shown}\``, help];
      }),
    ),
  examples: () =>
    Object.values(commandSpecs)
      .flatMap(({ examples }) => examples)
      .map(line => `    ${line}\n`)
      .join(''),
};

/** @param {(readonly [string, string])[]} items */
function list(items) {
  return items.map(([term, text]) => `* ${term}:\n  ${text}\n`).join('\n');
}

/** @param {string} usage */
function placeholders(usage) {
  return usage.replaceAll(/[A-Z]{3,}[A-Za-z.]*/g, word => `*${word}*`).replaceAll('--', '`--`');
}

mkdirSync(directory, { recursive: true });
for (const page of ['holdfast.1', 'holdfast-manifest.5']) {
  const source = readFileSync(new URL(`../docs/man/${page}.md`, import.meta.url), 'utf8');
  const input = source.replaceAll(/<!-- (\w+) -->/g, (_, part) => PARTS[part]?.() ?? '');
  const marked = new Marked({ ...markedMan, ...HEADER, breaks: false, renderer });
  const roff = await marked.parse(input);
  writeFileSync(join(directory, page), roff.replaceAll(/^(\.SH .*\n)\.P\n/gm, '$1'));
}
