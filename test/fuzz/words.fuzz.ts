/** Command lines of any words: holdfast does what they say or says what is wrong, and lightningd gets its own byte for byte. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OPTIONS } from '../../src/cli/table.ts';
import { expectSound, tried } from '../helpers/fuzz.ts';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { tempDir } from '../helpers/stand-in.ts';
import { ENDED, makeRecorder, quoted } from './installed.ts';

const STATUSES = [0, 1, 2, 125, 126, 127, ENDED];
const OWN_STATUSES = [125, 126, 127];

/** All that read, or write below the directory where they are started. `adopt` writes where the service manager reads. */
const COMMANDS = [
  'run',
  'snapshot',
  'verify',
  'noexec-check',
  'status',
  'guard',
  'root',
  'prove',
  'export',
  'help',
];

const odd = fc.constantFrom(
  ...[
    '',
    '.',
    '-',
    '--',
    '=',
    'x',
    'a b',
    "a'b",
    '"',
    '$(touch pwned)',
    '`touch pwned`',
    ';',
    '|',
    '*',
    '~',
    '%s%n',
  ],
  ...[
    '\n',
    '\x1b[31m',
    '\xff\xfe',
    '\xc3\xa9',
    '\xe2\x80\xae',
    '0',
    '-1',
    '1e9',
    '0x10',
    'NaN',
    'x'.repeat(5000),
  ],
  ...['sub/../x', '/dev/null', '/proc/self/x', '__proto__', 'constructor', 'toString', 'a'.repeat(64)],
);
const bytes = fc
  .array(fc.integer({ min: 1, max: 255 }), { maxLength: 12 })
  .map(codes => String.fromCharCode(...codes))
  .filter(word => !word.includes('/')); // it must not name a place of somebody else's
const value = fc.oneof(odd, bytes);
const option = fc
  .tuple(fc.constantFrom(...Object.keys(OPTIONS), 'help', 'version', 'unknown'), fc.option(value))
  .map(([name, text]) => (text === null ? `--${name}` : `--${name}=${text}`));
const word = fc.oneof(option, option, value);

test('any command line comes to an end, with an answer', () => {
  const dir = tempDir();
  const { lightningd } = makeRecorder(dir);
  const cwd = join(dir, 'cwd');
  mkdirSync(cwd);
  const lines = fc.tuple(
    fc.oneof(fc.constantFrom(...COMMANDS), value),
    fc.array(fc.oneof(word, fc.constant(lightningd)), { maxLength: 6 }),
  );
  tried(20, lines, ([command, words]) => {
    const called = call(dir, cwd, [command, ...words]);
    expectSound(called, STATUSES, JSON.stringify([command, ...words]));
    if (called.status === ENDED) expect(command).toBe('run');
  });
});

test("whatever lightningd's words are, it gets them", () => {
  const dir = tempDir();
  const { lightningd, started } = makeRecorder(dir);
  const words = fc
    .array(word, { maxLength: 8 })
    .filter(
      list =>
        !list.some(each =>
          /^--(lightning-dir|conf|version|help|list-features-only|test-daemons-only)/.test(each),
        ),
    );
  tried(20, words, list => {
    const args = [`--lightning-dir=${dir}/node`, ...list];
    const called = call(dir, dir, ['run', lightningd, ...args]);
    expectSound(called, [ENDED, ...OWN_STATUSES], JSON.stringify(list));
    if (called.status === ENDED) expect(started().words).toEqual(args);
  });
});

/** Starts holdfast with words of any bytes: a shell passes on what Node cannot. */
function call(home: string, cwd: string, words: readonly string[]) {
  const line = [HOLDFAST, ...words].map(quoted).join(' ');
  const input = Buffer.from(`HOME=${quoted(home)} exec ${line} </dev/null`, 'latin1');
  const { status, stdout, stderr } = spawnSync('sh', ['-c', 'line=$(cat); eval "$line"'], {
    cwd,
    input,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}
