/** What is published: the files of the npm package, its manual pages and its completions. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ensureDirSync, readJsonSync } from 'fs-extra/esm';
import { describe, expect, test } from 'vitest';
import { commandSpecs } from '../../src/cli/table.ts';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { works } from '../helpers/running.ts';
import { tempDir } from '../helpers/stand-in.ts';

const checkout = join(HOLDFAST, '../..');
const completions = join(checkout, 'dist/completions');

/** What `npm pack --json` says: a list of one, or by the package's name since npm 12. */
function packed(said: string): { files: { path: string }[]; unpackedSize: number } {
  const value = JSON.parse(said);
  return Array.isArray(value) ? value[0] : (value.holdfast ?? value);
}

test('npm packs the program, its documents and nothing else, in less than 1.2 MB', () => {
  const said = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: checkout,
    encoding: 'utf8',
  });
  const { files, unpackedSize } = packed(said);
  const paths = files.map(({ path }) => path);
  const others = paths.filter(
    path =>
      !/^(bin\/holdfast|dist\/([\w-]+\.cjs|(index|manifest)\.js|help\.json|[\w.]*LICENSES)|(dist\/(man|completions|types)|docs|contrib)\/.*)$/.test(
        path,
      ) &&
      !['package.json', 'README.md', 'LICENSE', 'SECURITY.md', 'CHANGELOG.md', 'BENCHMARKS.md'].includes(
        path,
      ),
  );
  expect(others).toEqual([]);
  expect(paths).toEqual(expect.arrayContaining(['bin/holdfast', 'dist/cli.cjs', 'dist/man/holdfast.1']));
  expect(unpackedSize).toBeLessThan(1_200_000);
});

test('links from one document to another lead to files that npm packs', () => {
  const said = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: checkout,
    encoding: 'utf8',
  });
  const paths = new Set(packed(said).files.map(({ path }) => path));
  const isThere = (path: string) => [...paths].some(name => name === path || name.startsWith(`${path}/`));
  const broken = [...paths]
    .filter(path => path.endsWith('.md'))
    .flatMap(path =>
      [...readFileSync(join(checkout, path), 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
        .map(([, target = '']) => join(dirname(path), target).replace(/\/$/, ''))
        .filter(target => !isThere(target))
        .map(target => `${path}: ${target}`),
    );
  expect(broken).toEqual([]);
});

test('docs/json.md names each field of a schema in the section of its command', () => {
  const sections = new Map(
    readFileSync(join(checkout, 'docs/json.md'), 'utf8')
      .split(/^## /m)
      .map(section => [section.slice(0, section.indexOf('\n')), section]),
  );
  const fieldsOf = (schema: unknown): string[] =>
    Object.entries((schema ?? {}) as object).flatMap(([key, value]) => [
      ...(key === 'properties' ? Object.keys(value) : []),
      ...(typeof value === 'object' ? fieldsOf(value) : []),
    ]);
  for (const file of readdirSync(join(checkout, 'docs/schema'))) {
    const text = sections.get(file.replace('.json', '')) ?? '';
    const { definitions, ...schema } = readJsonSync(join(checkout, 'docs/schema', file));
    const fields = fieldsOf({ ...schema, definitions: { ...definitions, error: undefined } });
    const unnamed = fields.filter(field => !new RegExp(`[\`".\\]]${field}[\`".[]`).test(text));
    expect([
      file,
      fields.length > 0,
      unnamed.filter(field => !['error', 'message', 'code'].includes(field)),
    ]).toEqual([file, true, []]);
  }
});

test('who says that the environment stays names the variable that does not', () => {
  for (const file of [
    'README.md',
    'SECURITY.md',
    'docs/launch.md',
    'docs/man/holdfast.1.md',
    'docs/man/holdfast-run.1.md',
  ])
    expect([file, readFileSync(join(checkout, file), 'utf8')]).toEqual([
      file,
      expect.stringContaining('LD_LIBRARY_PATH'),
    ]);
});

describe('the manual pages', () => {
  const pages = readdirSync(join(checkout, 'dist/man'))
    .sort((a, b) => a.length - b.length) // holdfast.1 first
    .map(page => join(checkout, 'dist/man', page));

  test('are good manual pages for mandoc and for groff', ctx => {
    if (!works('mandoc', ...pages)) ctx.skip('mandoc is not installed');
    const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', ...pages], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  test('are one for holdfast, one for each command and one for the manifest, and package.json names them all', () => {
    const { man } = readJsonSync(join(checkout, 'package.json'));
    const names = Object.keys(commandSpecs).map(name => `holdfast-${name}.1`);
    const expected = ['holdfast.1', ...names, 'holdfast-manifest.5'].map(page => `dist/man/${page}`).sort();
    expect(man.toSorted()).toEqual(expected);
    expect(pages.map(page => relative(checkout, page)).sort()).toEqual(expected);
  });

  test("of a command tells of each of its options, and no other's", () => {
    for (const [name, { options }] of Object.entries(commandSpecs)) {
      const text = readFileSync(join(checkout, `dist/man/holdfast-${name}.1`), 'utf8').replaceAll('\\-', '-');
      const section = /^\.SH OPTIONS\n(.*?)^\.SH/ms.exec(text)?.[1] ?? '';
      const told = [...section.matchAll(/^\\fB--([a-z0-9-]+)/gm)].map(([, option]) => option);
      expect([name, ...told]).toEqual([name, ...options]);
    }
  });

  test('tell of every command and option', () => {
    const text = readFileSync(pages[0]!, 'utf8').replaceAll('\\-', '-');
    const help = execFileSync(HOLDFAST, ['--help'], { encoding: 'utf8' });
    for (const [, command] of help.matchAll(/^ {2}([a-z-]+) {2,}\S/gm))
      if (command !== 'run' && command !== 'others') expect(text).toContain(`\\fB${command}\\fP`);
    const options = execFileSync(HOLDFAST, ['run', '--help'], { encoding: 'utf8' }).matchAll(
      /^ {2}(--[a-z-]+)/gm,
    );
    for (const [, option] of options) expect(text).toContain(`\\fB${option}`);
  });
});

/** What each of these is completed to. */
const CASES: readonly [line: string, words: readonly string[]][] = [
  ['holdfast st', ['status']],
  ['holdfast run --me', ['--method']],
  ['holdfast run --method=co', ['copy']],
  ['holdfast run --on-upgrade=n', ['notify']],
  ['holdfast status --network=re', ['regtest']],
  ['holdfast help ve', ['verify']],
  ['holdfast verify 14e', ['14e6ad13445a48db']],
  ['holdfast export cur', ['current']],
  ['holdfast run --use=14', ['14e6ad13445a48db']],
];

/** A home with a snapshot in it, as far as a completion can see. */
function makeHome(): string {
  const home = tempDir();
  ensureDirSync(join(home, '.lightning/subdaemons/14e6ad13445a48db'));
  return home;
}

describe('completion', () => {
  test('in bash', () => {
    const script = `
source "$1"
compopt() { :; }
COMP_LINE=$2 COMP_POINT=\${#2}
read -ra COMP_WORDS <<<"\${2//=/ = }"
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_holdfast
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const home = makeHome();
    for (const [line, words] of CASES) {
      const args = ['-c', script, 'bash', join(completions, 'holdfast.bash'), line];
      const said = execFileSync('bash', args, { encoding: 'utf8', env: { ...process.env, HOME: home } });
      expect([line, ...said.split('\n').filter(Boolean)]).toEqual([
        line,
        ...words.map(word => (word === '--method' ? '--method=' : word)),
      ]);
    }
  });

  test('in fish', ctx => {
    if (!works('fish', '--version')) ctx.skip('fish is not installed');
    const home = makeHome();
    for (const [line, words] of [...CASES, ['holdfast run fish --no-con', ['--no-config']] as const]) {
      const said = execFileSync(
        'fish',
        ['-c', `source ${join(completions, 'holdfast.fish')}; complete -C '${line}'`],
        { encoding: 'utf8', env: { ...process.env, HOME: home } },
      );
      const found = said.split('\n').map(answer => answer.split('\t')[0]!.replace(/^--[a-z-]+=(?=.)/, ''));
      const expected = words.map(word => (word === '--method' ? '--method=' : word));
      expect([line, ...found]).toEqual(expect.arrayContaining([line, ...expected]));
    }
    for (const line of [
      'holdfast run holdfast-none --',
      'holdfast run --quiet -- --',
      'holdfast guard -- --',
    ]) {
      const args = ['-c', `source ${join(completions, 'holdfast.fish')}; complete -C '${line}'`];
      expect([line, execFileSync('fish', args, { encoding: 'utf8' })]).toEqual([
        line,
        expect.not.stringMatching(/--(quiet|after)|hardlink|regtest/),
      ]);
    }
  });

  test('in zsh', ctx => {
    if (!works('zsh', '--version')) ctx.skip('zsh is not installed');
    const script = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "fpath=($1 \\$fpath); autoload -U compinit; compinit -u -D; echo READY"
while zpty -r z line; do [[ $line == READY* ]] && break; done
zpty -n -w z "$2"$'\\t'
zpty -n -w z $'\\x01echo \\x05; echo DONE\\n'
while zpty -r z line; do print -r -- $line; [[ $line == DONE* ]] && break; done`;
    const home = makeHome();
    for (const [line, words] of CASES) {
      const args = ['-f', '-c', script, 'zsh', completions, line];
      const said = execFileSync('zsh', args, {
        encoding: 'utf8',
        timeout: 20_000,
        env: { ...process.env, HOME: home },
      });
      for (const word of words) expect([line, said]).toEqual([line, expect.stringContaining(word)]);
    }
  });
});
