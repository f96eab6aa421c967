/**
 * The manual pages, from docs/man and the table of options: `node scripts/man.js DIR` writes DIR/holdfast.1, a page for each
 * command and DIR/holdfast-manifest.5. Of a command's page docs/man has what the table does not say.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { Marked } from 'marked';
import markedMan from 'marked-man';
import { load } from './load.js';
import { releaseDate } from './release-date.js';

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

/** One command's page. @param {keyof typeof commandSpecs} name @param {string} text from docs/man */
function commandPage(name, text) {
  const { usage, summary, options, examples } = commandSpecs[name];
  const shown = options.map(option => {
    const { value, valueOptional, help } = optionSpecs[option];
    return /** @type {const} */ ([
      `\`--${option}${value === undefined ? '' : valueOptional ? `[=${value}]` : `=${value}`}\``,
      help,
    ]);
  });
  return `# holdfast-${name}(1) -- ${summary.replace(/\?$/, '')}

## SYNOPSIS

\`holdfast ${name}\` [_options_] ${placeholders(usage)}

${text.trim()}

## OPTIONS

${list(shown)}
## EXIT STATUS

${name === 'run' ? RUN_STATUS : STATUS}

## EXAMPLES

${examples.map(line => `    ${line}\n`).join('')}
## SEE ALSO

holdfast(1), ${Object.keys(commandSpecs)
    .filter(other => other !== name)
    .map(other => `holdfast-${other}(1)`)
    .join(', ')}
`;
}

const RUN_STATUS =
  "125 is a failure of holdfast itself, 126 a lightningd that is there but cannot be executed, 127 a lightningd that was not found; all else is lightningd's own.";
const STATUS =
  '0: all is well. 1: a finding. 2: it could not be done or determined. With `--json` an error is an object on standard output, with the same exit status.';

/** As ISO 8601, which man(7) asks for and mandoc reads; not of today, so that the same source gives the same pages. */
const { date } = releaseDate();

ensureDirSync(directory);
const names = /** @type {(keyof typeof commandSpecs)[]} */ (Object.keys(commandSpecs));
const pages = ['holdfast.1', ...names.map(name => `holdfast-${name}.1`), 'holdfast-manifest.5'];
for (const page of pages) {
  const source = readFileSync(new URL(`../docs/man/${page}.md`, import.meta.url), 'utf8');
  const command = names.find(name => page === `holdfast-${name}.1`);
  const input =
    command === undefined
      ? source.replaceAll(/<!-- (\w+) -->/g, (_, part) => PARTS[part]?.() ?? '')
      : commandPage(command, source);
  const marked = new Marked({ ...markedMan, ...HEADER, breaks: false, renderer });
  const roff = await marked.parse(input);
  writeFileSync(
    join(directory, page),
    roff.replace(/^(\.TH "[^"]*" "\d" )"[^"]*"/m, `$1"${date}"`).replaceAll(/^(\.SH .*\n)\.P\n/gm, '$1'),
  );
}
