import { expect, test } from 'vitest';
import { readCommandLine, splitWords, wrap } from '../../../src/commands/adopt/command-line.ts';
import { readSection, valuesOf } from '../../../src/commands/adopt/unit-file.ts';

/** ExecStart= as people write it, and behind holdfast. */
const WRAPPED: readonly [string, string][] = [
  ['/usr/bin/lightningd', '/h run /usr/bin/lightningd'],
  ['-/usr/bin/lightningd --daemon', '-/h run /usr/bin/lightningd --daemon'],
  ['+-/usr/bin/lightningd  --conf\t/a', '+-/h run /usr/bin/lightningd --conf /a'],
  ['@/usr/bin/lightningd lightningd --conf=/a', '/h run /usr/bin/lightningd --conf=/a'],
  ['-@/usr/bin/lightningd "a name" --daemon', '-/h run /usr/bin/lightningd --daemon'],
  [
    '"/opt/core lightning/lightningd" \'--alias=a "b"\'',
    '/h run "/opt/core lightning/lightningd" \'--alias=a "b"\'',
  ],
  ['"-/opt/a b/lightningd" --x', '-/h run "/opt/a b/lightningd" --x'],
  ['/opt/a\\x20b/lightningd --x=\\x41', '/h run "/opt/a b/lightningd" --x=\\x41'],
  [
    `%h/bin/lightningd --lightning-dir=%S/l $WORDS \${MORE}`,
    `/h run %h/bin/lightningd --lightning-dir=%S/l $WORDS \${MORE}`,
  ],
  ['/opt/$1/lightningd --alias=$$5', '/h run /opt/$$1/lightningd --alias=$$5'],
  [':/opt/$1/lightningd --alias=$5', ':/h run /opt/$1/lightningd --alias=$5'],
  ['!!/usr/bin/lightningd --rgb=001122', '!!/h run /usr/bin/lightningd --rgb=001122'],
  ['/usr/bin/lightningd --alias="a;b" \\; --x', '/h run /usr/bin/lightningd --alias="a;b" \\; --x'],
];

test.each(WRAPPED)('%s stands behind holdfast with all of its words as they are', (value, wrapped) => {
  expect(wrap(readCommandLine(value), '/h', ['run'])).toBe(wrapped);
});

test('a path of holdfast with blanks and percent signs is quoted', () => {
  expect(wrap(readCommandLine('/usr/bin/lightningd'), '/opt/100% "h"/holdfast', ['run'])).toBe(
    '"/opt/100%% \\"h\\"/holdfast" run /usr/bin/lightningd',
  );
});

test.each([
  ['', 'it is empty'],
  ['/usr/bin/lightningd ; /bin/true', 'several commands'],
  ['|/usr/bin/lightningd', 'the prefix | is not known'],
  ['@/usr/bin/lightningd', 'needs a second word'],
  ['/usr/bin/lightningd "--alias=x', 'is not closed'],
])('%s is refused', (value, why) => {
  expect(() => readCommandLine(value)).toThrow(why);
});

test('words are split as systemd splits them', () => {
  expect(splitWords(`a "b c"d 'e\\'f' g\\ h \\u00e9\\n`).map(({ text }) => text)).toEqual([
    'a',
    'b cd',
    "e'f",
    'g h',
    'é\n',
  ]);
});

test('the values of a setting are read through comments, continuation lines, other sections and what takes them back', () => {
  const text = `\ufeff[Unit]
ExecStart=/not/this
[Service]
ExecStart=/first
# ExecStart=/comment
ExecStart =
 ExecStart= /second \\
   --one \\
; a comment
   --two
Type=simple
[Install]
ExecStart=/nor/this`;
  const section = readSection(text);
  expect(valuesOf(section, 'ExecStart')).toEqual(['/second  --one  --two']);
  expect(valuesOf(section, 'Type')).toEqual(['simple']);
  expect(valuesOf(section, 'User')).toEqual([]);
});
