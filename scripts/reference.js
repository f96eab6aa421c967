/**
 * The reference of the library, from its types: `npm run reference` writes docs/reference.md, or the file that is named.
 * The declarations in dist/types are what a program's compiler sees; each stands there with its comment, exported ones
 * first, then the types that they name. A test holds the file against the types.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const types = join(import.meta.dirname, '../dist/types');
const [target = join(import.meta.dirname, '../docs/reference.md')] = process.argv.slice(2);

/** What package.json exports, by the file of its types. */
const MODULES = { holdfast: 'index.d.ts', 'holdfast/manifest': 'manifest.d.ts' };

/** @typedef {{ name: string, file: string, comment: string, text: string }} Declaration */

/** @type {Map<string, string>} */
const texts = new Map();

/** @param {string} file below dist/types */
function read(file) {
  if (!texts.has(file)) texts.set(file, readFileSync(join(types, file), 'utf8'));
  return /** @type {string} */ (texts.get(file));
}

/** The names that a module exports, in its order. @param {string} file @returns {string[]} */
function exportsOf(file) {
  const names = [...read(file).matchAll(/^export (?:(?:type )?\{([^}]*)\}|(?:declare )?\w+ (\w+))/gm)];
  return [
    ...new Set(
      names.flatMap(
        ([, list, one]) => one ?? (list ?? '').split(',').map(name => name.replace('type ', '').trim()),
      ),
    ),
  ].filter(name => name !== '');
}

/** Where and how a name is declared that a file declares, imports or passes on. @param {string} name @param {string} file @returns {Declaration | undefined} */
function find(name, file) {
  const own = new RegExp(
    `((?:/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/\\n)?)^(?:export )?(?:declare )?((?:function|class|interface|type|const) ${name}\\b[\\s\\S]*)`,
    'm',
  ).exec(read(file));
  if (own !== null) return { name, file, comment: commentOf(own[1] ?? ''), text: endOf(own[2] ?? '') };
  for (const [, list = '', from = ''] of read(file).matchAll(
    /^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']*)\.ts'/gm,
  )) {
    if (list.split(',').some(one => one.replace('type ', '').trim() === name))
      return find(name, join(dirname(file), `${from}.d.ts`));
  }
  return undefined; // of the language itself, or of Node
}

/** A declaration without what follows it: to the brace that ends a body, else to the semicolon. @param {string} text */
function endOf(text) {
  const isBody = /^(class|interface) /.test(text);
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '(') depth++;
    else if (char === '}' || char === ')') depth--;
    if (depth === 0 && (isBody ? char === '}' : char === ';')) return text.slice(0, at + 1);
  }
  throw new Error(`no end of: ${text.slice(0, 80)}`);
}

/** @param {string} block */
function commentOf(block) {
  return block
    .replace(/^\/\*\*|\*\/\s*$/g, '')
    .replaceAll(/^ *\* ?/gm, '')
    .replaceAll(/@(throws|returns|param)\b/g, '\n\n_$1_')
    .replaceAll(/ +$/gm, '')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}

/** @param {Declaration} declaration @param {string} heading */
function section({ name, comment, text }, heading) {
  const code = text
    .replaceAll('    ', '  ')
    .replaceAll(/ +$/gm, '')
    .replaceAll(/^ *(?:private |#)\w+;\n/gm, '');
  return [`${heading} ${name}`, ...(comment === '' ? [] : [comment]), `\`\`\`ts\n${code}\n\`\`\``].join(
    '\n\n',
  );
}

/** The types that a declaration names. @param {Declaration} declaration */
function namedBy({ name, file, text }) {
  const code = text.replaceAll(/\/\*\*[\s\S]*?\*\//g, '').replaceAll(/'[^']*'/g, '');
  return [...new Set(code.match(/\b[A-Z]\w+/g))]
    .filter(other => other !== name)
    .flatMap(other => find(other, file) ?? []);
}

/** @param {Declaration} declaration */
const key = ({ name, file }) => `${file} ${name}`;

/** @type {Map<string, Declaration>} */
const exported = new Map();
const parts = [
  '# Reference of the library',
  'Made from the types by `npm run reference`: not to be edited. [library.md](library.md) is the introduction.',
];
for (const [module, file] of Object.entries(MODULES)) {
  parts.push(`## ${module}`);
  for (const name of exportsOf(file)) {
    const declaration = find(name, file);
    if (declaration === undefined) throw new Error(`${file} exports ${name}, and nobody declares it`);
    const isKnown = exported.has(key(declaration));
    parts.push(isKnown ? `### ${name}\n\nAs above.` : section(declaration, '###'));
    exported.set(key(declaration), declaration);
  }
}

/** @type {Map<string, Declaration>} */
const others = new Map();
const waiting = [...exported.values()];
for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
  for (const named of namedBy(one)) {
    if (exported.has(key(named)) || others.has(key(named))) continue;
    others.set(key(named), named);
    waiting.push(named);
  }
}
if (others.size > 0)
  parts.push('## Types that these name', 'Not exported: TypeScript knows them where they are used.');
for (const declaration of others.values()) parts.push(section(declaration, '###'));
writeFileSync(target, `${parts.join('\n\n')}\n`);
