import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInherited } from '../../src/launch/inherited.ts';

const STATUS = 'Pid:\t1\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000011000\n';
const LIMITS =
  'Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n';

/** A command line as the kernel has it. */
function cmdline(...words: (string | Buffer)[]): Buffer {
  return Buffer.concat(words.flatMap(word => [Buffer.from(word), Buffer.of(0)]));
}

/** What od makes of it, in the lines that bin/holdfast passes on. */
function dump(environment: Buffer, text = STATUS + LIMITS): string[] {
  const { stdout } = spawnSync('od', ['-An', '-v', '-tx8', '-w49152'], {
    encoding: 'utf8',
    input: Buffer.concat([environment, Buffer.from(text)]),
    maxBuffer: 2 ** 24,
  });
  return stdout.split('\n').filter(Boolean);
}

/** The command line that bin/holdfast makes, and the variables. */
function noted(
  lines: string[],
  words: (string | Buffer)[] = [],
  notes: Record<string, string> = {},
): [Buffer, NodeJS.ProcessEnv] {
  const zeros = '0'.repeat(16);
  const count = `${lines.length}`;
  const all = { pid: '', closed: '', inherited: '', blocked: zeros, ignored: zeros, lines: count, ...notes };
  const named = Object.entries(all).map(([name, value]) => `${name}=${value}`);
  const variables = Object.fromEntries(lines.map((line, index) => [`HOLDFAST_NOTE_${index + 1}`, line]));
  return [
    cmdline('node', '--jitless', 'cli.cjs', 'holdfast-notes/3', 'lightningd', ...named, '=', ...words),
    variables,
  ];
}

describe('the notes of bin/holdfast', () => {
  test('each is read', () => {
    const notes = {
      pid: readlinkSync('/proc/self'),
      closed: '02',
      inherited: ',3,17,255',
      blocked: '0000000000004200',
      ignored: '0000000000000004',
    };
    expect(parseInherited(...noted(dump(Buffer.from('A=1\0')), ['run', '-x'], notes))).toEqual({
      invokedAs: 'lightningd',
      words: [Buffer.from('run'), Buffer.from('-x')],
      environment: Buffer.from('A=1\0'),
      closed: [0, 2],
      descriptors: [3, 17, 255],
      blockedSignals: 0x4200n,
      ignoredSignals: 0x10000n, // od ignores SIGPIPE, the shell did not
      nofileSoft: 1024n,
    });
  });

  test('an unlimited soft limit is the greatest number', () => {
    const lines = dump(Buffer.alloc(0), `${STATUS}Max open files            unlimited   unlimited   files\n`);
    expect(parseInherited(...noted(lines)).nofileSoft).toBe(2n ** 64n - 1n);
  });

  test('SIGPIPE is ignored where the shell says so', () => {
    const found = parseInherited(...noted(dump(Buffer.alloc(0)), [], { ignored: '0000000000001000' }));
    expect(found.ignoredSignals).toBe(0x11000n);
  });

  test('of another process are refused', () => {
    const notes = noted(dump(Buffer.alloc(0)), [], { pid: '1' });
    expect(() => parseInherited(...notes)).toThrow(
      /^Node.js runs as process \d+, a child of what was started \(1\)/,
    );
  });

  test('any environment comes back byte for byte, and any words', () => {
    const string = fc
      .uint8Array({ maxLength: 40 })
      .map(bytes => Buffer.from(bytes.filter(byte => byte !== 0)));
    fc.assert(
      fc.property(fc.array(string, { maxLength: 8 }), fc.array(string, { maxLength: 5 }), (block, words) => {
        const environment = cmdline(...block);
        const found = parseInherited(...noted(dump(environment), words));
        expect(found.environment).toEqual(environment);
        expect(found.words).toEqual(words);
      }),
      { numRuns: 60 },
    );
  });

  test('words that look like ours are the caller’s, behind the first =', () => {
    const words = ['=', 'holdfast-notes/3', 'closed=0', '', '--'];
    expect(parseInherited(...noted(dump(Buffer.alloc(0)), words)).words.map(String)).toEqual(words);
  });

  test('an environment of more than one line', () => {
    const environment = cmdline(...Array.from({ length: 2000 }, (_, i) => `NAME_${i}=${'x'.repeat(i % 97)}`));
    const lines = dump(environment);
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line.length).toBeLessThan(128 * 1024);
    expect(parseInherited(...noted(lines)).environment).toEqual(environment);
  });
});

test.each([
  ['0.1', 'holdfast-notes/1', 'closed=2', 'inherited=,3', `blocked=${'0'.repeat(16)}`],
  ['a later one', 'holdfast-notes/9', 'closed=2', 'inherited=,3', 'more=than we know', 'pid='],
])(
  'the notes of %s, which a parent may have that was started before holdfast was upgraded',
  (_version, ...notes) => {
    const [mark = '', ...named] = notes;
    const line = dump(Buffer.from('A=1\0'));
    const found = parseInherited(
      cmdline('node', 'cli.cjs', mark, 'holdfast', ...named, ...line, '=', 'run'),
      {},
    );
    expect(found).toMatchObject({
      words: [Buffer.from('run')],
      environment: Buffer.from('A=1\0'),
      closed: [2],
      descriptors: [3],
      nofileSoft: 1024n,
    });
  },
);

test.each([
  ['nothing of od', ...noted([])],
  ['a line that did not come', noted(dump(Buffer.from('A=1\0')))[0], {}],
  ['more lines than came', ...noted(dump(Buffer.from('A=1\0'), ''), [], { lines: '2' })],
  ['an environment that is cut short', ...noted(dump(Buffer.from('A=1\0'), ''))],
  ['status without limits', ...noted(dump(Buffer.from('A=1\0'), STATUS))],
  ['limits without status', ...noted(dump(Buffer.from('A=1\0'), LIMITS))],
  ['half a word of od', ...noted(['0000'])],
  [
    'no end of the notes',
    cmdline('node', 'cli.cjs', 'holdfast-notes/3', 'holdfast', 'closed=', 'lines=0'),
    {},
  ],
])('%s is refused', (_case, line, variables) => {
  expect(() => parseInherited(line, variables)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
});

test('started by hand nothing is known but the words', () => {
  expect(parseInherited(cmdline('node', '--jitless', 'dist/cli.cjs', 'run', '', 'x'), {})).toMatchObject({
    invokedAs: 'holdfast',
    words: [Buffer.from('run'), Buffer.alloc(0), Buffer.from('x')],
    environment: undefined,
    nofileSoft: undefined,
  });
});
