/** Whoever chose a path, a name or a version: none of it reaches a terminal as anything but letters. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, removeSync, writeFileSync } from 'fs-extra';
import { afterAll, expect, test } from 'vitest';
import { holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { makeInstallation } from '../helpers/stand-in.ts';

/** Clears the screen; C1's CSI; turns the direction; ends a line. */
const EVIL = 'x\u001b[2J\u009b31m\u202egnp\u2028\n\u0007y';
/** Every character that draws, or turns the direction: Unicode's Cc but LF and TAB, Zl, Zp, Bidi_Control. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const DRAWS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** A node's directory, an installation and a snapshot, with such names; a record and a manifest that claim such a version. */
function makeWorld() {
  const top = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  afterAll(() => removeSync(top));
  const dir = join(top, EVIL);
  mkdirSync(dir);
  const { lightningd, prefix } = makeInstallation(join(dir, 'usr'), 'v25.12');
  const lightningDir = join(dir, `l${EVIL}`);
  const { path } = snapshotJson([lightningd, `--lightning-dir=${lightningDir}`]);
  const record = join(path, '.record.json');
  writeFileSync(record, readFileSync(record, 'utf8').replaceAll('"v25.12"', JSON.stringify(`v25.12${EVIL}`)));
  writeFileSync(join(path, 'bin', EVIL), 'added by somebody');
  return { dir, prefix, lightningd, lightningDir, path };
}

const { dir, prefix, lightningd, lightningDir, path } = makeWorld();
const node = `--lightning-dir=${lightningDir}`;
const COMMANDS: readonly (readonly string[])[] = [
  ['status', node],
  ['status', '--verbose', node],
  ['status', '--openmetrics', node],
  ['verify', node],
  ['verify', '--running', '--verbose', node],
  ['verify', path],
  ['root', prefix],
  ['root', join(dir, 'none')],
  ['prove', node, 'bin/lightningd'],
  ['prove', join(path, 'bin', EVIL)],
  ['export', path, join(dir, 'x.tar.gz')],
  ['noexec-check', node],
  ['noexec-check', dir],
  ['guard', '--verbose', '--', lightningd],
  ['snapshot', '--verbose', lightningd, node],
  ['snapshot', `--from=${join(dir, 'none.tar.gz')}`, '--', node],
  ['snapshot', join(dir, 'lightningd'), node],
  ['snapshot', lightningd, node, `--conf=${join(dir, 'none')}`],
  ['run', join(dir, 'lightningd'), node],
  ['status', `--network=${EVIL}`, node],
  [EVIL],
  ['status', `--${EVIL}`],
];

test.each(
  COMMANDS.map(
    words =>
      [
        words
          .join(' ')
          .replace(/[^ -~]/g, '?')
          .slice(0, 60),
        words,
      ] as const,
  ),
)('%s', (_, words) => {
  const { stdout, stderr } = holdfast(words);
  expect(`${stdout}${stderr}`).not.toMatch(DRAWS);
  expect(`${stdout}${stderr}`).not.toMatch(/^y/m); // no line of ours begins behind the newline of a name
  if (words[0] === 'run' || words.includes('--openmetrics')) return;
  const json = holdfast([words[0] ?? '', '--json', ...words.slice(1)]);
  expect(json.stdout).not.toMatch(DRAWS);
  if (json.stdout !== '') expect(() => JSON.parse(json.stdout)).not.toThrow();
});

test('what was escaped in JSON is read back as it was', () => {
  const { stdout } = holdfast(['status', '--json', node]);
  expect(JSON.parse(stdout).store).toBe(join(lightningDir, 'subdaemons'));
  expect(readdirSync(dir)).toContain('usr');
});

test('metrics end as OpenMetrics wants it', () => {
  const { stdout } = holdfast(['status', '--openmetrics', node]);
  expect(stdout.endsWith('\n# EOF\n')).toBe(true);
  for (const line of stdout.split('\n'))
    expect(line).toMatch(/^(#.*|\w+\{(\w+="([^"\\]|\\["\\n])*",?)*\} \S+|)$/);
});
