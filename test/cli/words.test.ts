import { expect, test } from 'vitest';
import { readWords } from '../../src/cli/words.ts';

const read = (...words: string[]) =>
  readWords(
    words.map(word => Buffer.from(word)),
    'holdfast',
  );
const text = (words: readonly Buffer[]) => words.map(String);

test("the first word without a dash is LIGHTNINGD, and all after it is lightningd's own", () => {
  const request = read('run', '--settle=5', 'lightningd', '--rgb', '001122', '--settle=7', '--', '--json');
  if (request.kind !== 'command') throw new Error('no command');
  expect(request.options).toEqual({ settle: '5' });
  expect(String(request.lightningd)).toBe('lightningd');
  expect(text(request.operands)).toEqual(['--rgb', '001122', '--settle=7', '--', '--json']);
});

test("bytes that are no UTF-8 reach lightningd's words unchanged", () => {
  const raw = Buffer.from([0x2d, 0x2d, 0xff, 0xfe]);
  const request = readWords([Buffer.from('run'), Buffer.from('lightningd'), raw], 'holdfast');
  expect(request.kind === 'command' && request.operands[0]).toEqual(raw);
});

test.each([
  [['run', '--', 'lightningd', '--x'], 'lightningd', ['--x']],
  [['run', '--', '--network=regtest'], undefined, ['--network=regtest']],
  [['run', '--'], undefined, []],
  [['run'], undefined, []],
  [['run', '--quiet', './lightningd'], './lightningd', []],
])('%j is read as LIGHTNINGD %s with arguments %j', (words, lightningd, operands) => {
  const request = read(...words);
  if (request.kind !== 'command') throw new Error('no command');
  expect(request.lightningd?.toString()).toBe(lightningd);
  expect(text(request.operands)).toEqual(operands);
});

test('a root of digits only stays the string that it is', () => {
  const request = read('verify', `--expect-root=${'0'.repeat(64)}`);
  expect(request.kind === 'command' && request.options['expect-root']).toBe('0'.repeat(64));
});

test('started under the name lightningd, every word is for lightningd', () => {
  const request = readWords([Buffer.from('--help')], 'lightningd');
  expect(request).toMatchObject({ kind: 'command', command: 'run', lightningd: undefined, options: {} });
});

test.each([
  [['run', '--network=bitcoin', 'lightningd'], /run takes no --network/],
  [['run', '--bogus', 'lightningd'], /run has no option '--bogus'/],
  [['run', '-x', 'lightningd'], /run has no option '-x'/],
  [['run', '--settle', '5', 'lightningd'], /--settle needs a value/],
  [['run', '--quiet=yes', 'lightningd'], /--quiet takes no value/],
  [['run', '--settle=1', '--settle=2', 'lightningd'], /--settle is given twice/],
  [['run', '--json', 'lightningd'], /run takes no --json/],
  [['verify', 'one', 'two'], /verify does not take 'two'/],
  [['root'], /root needs PATH/],
  [['root', ''], /root takes no empty word/],
  [['verify', '--', ''], /verify takes no empty word/],
  [['frobnicate'], /no command 'frobnicate'/],
  [['help', 'frobnicate'], /no command 'frobnicate'/],
  [[], /a command is missing/],
])('%j is a usage error', (words, message) => {
  expect(() => read(...words)).toThrow(
    expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
  );
});

test.each([
  [['--help'], undefined],
  [['-h'], undefined],
  [['help'], undefined],
  [['help', 'run'], 'run'],
  [['run', '--help'], 'run'],
  [['verify', 'x', '-h'], 'verify'],
])('%j asks for help', (words, command) => {
  expect(read(...words)).toEqual({ kind: 'help', command });
});

test.each([
  [['stauts'], 'did you mean: holdfast status'],
  [['verfiy'], 'did you mean: holdfast verify'],
  [['dcotor'], 'did you mean: holdfast doctor'],
  [['--json', 'status'], 'holdfast status --json'],
  [['--frobnicate'], 'holdfast --help'],
  [['help', 'snapshto'], 'did you mean: holdfast snapshot'],
  [['status', '--josn'], 'did you mean: --json'],
  [
    ['run', '--network=regtest'],
    "lightningd's own options stand behind its name: holdfast run lightningd --network=regtest",
  ],
  [
    ['run', '--from=x.tar', '--network=regtest'],
    "lightningd's own options stand behind --: holdfast run --from=x.tar -- --network=regtest",
  ],
  [
    ['run', '--use=current', '--daemon'],
    "lightningd's own options stand behind --: holdfast run --use=current -- --daemon",
  ],
  [['run', '--setle=5', 'lightningd'], 'did you mean: --settle'],
  [['snapshot', '--dryrun'], 'did you mean: --dry-run'],
  [['frobnicate'], 'holdfast --help'],
  [['status', '--frobnicate'], 'holdfast status --help'],
])('%j is answered with: %s', (words, hint) => {
  expect(() => read(...words)).toThrow(expect.objectContaining({ hints: [hint] }));
});
