/** Unpacking: what comes out of a sound archive, and that nothing comes out of a hostile one. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { expect, test } from 'vitest';
import { END, hostileArchives, member, SOUND } from '../../fixtures/hostile/make.js';
import { openArchive } from '../../src/archive/open.ts';
import { LIMITS, unpack } from '../../src/archive/unpack.ts';
import { HoldfastError } from '../../src/errors.ts';
import { Directory } from '../../src/linux/files/directory.ts';
import { tempDir } from '../helpers/stand-in.ts';

const ENVIRONMENT = { PATH: process.env.PATH ?? '' };

function unpackFile(
  path: string,
  into: string,
  limits = LIMITS,
  environment: Record<string, string> = ENVIRONMENT,
) {
  mkdirSync(into);
  return unpack(openArchive(path), Directory.open(into), environment, limits);
}

async function refusalOf(promise: Promise<unknown>): Promise<HoldfastError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

function makeTree(dir: string): string {
  const tree = join(dir, 'tree');
  ensureDirSync(join(tree, 'usr/bin'));
  ensureDirSync(join(tree, `usr/${'long/'.repeat(30)}`));
  writeFileSync(join(tree, 'usr/bin/a'), Buffer.alloc(700_001, 'a'));
  chmodSync(join(tree, 'usr/bin/a'), 0o4755);
  writeFileSync(join(tree, 'usr/bin/empty'), '');
  writeFileSync(join(tree, `usr/${'long/'.repeat(30)}ünïcode`), 'u');
  linkSync(join(tree, 'usr/bin/a'), join(tree, 'usr/bin/hard'));
  symlinkSync('../bin/a', join(tree, 'usr/bin/soft'));
  return tree;
}

const FORMATS = ['gnu', 'pax', 'ustar', 'v7'] as const;

test.each(FORMATS)(
  'what GNU tar packs as %s comes out, without set-id bits, links inside kept',
  async format => {
    const dir = tempDir();
    const tree = makeTree(dir);
    const long = format === 'v7' ? ['--exclude=long'] : [];
    execFileSync('tar', [`--format=${format}`, ...long, '-C', tree, '-cf', join(dir, 'x'), '.']);
    const paths = await unpackFile(join(dir, 'x'), join(dir, 'out'));
    expect(paths).toContain('usr/bin/a');
    expect(readFileSync(join(dir, 'out/usr/bin/a')).equals(readFileSync(join(tree, 'usr/bin/a')))).toBe(true);
    expect(statSync(join(dir, 'out/usr/bin/a')).mode & 0o7777).toBe(0o755);
    expect(statSync(join(dir, 'out/usr/bin/empty')).mode & 0o7777).toBe(0o644);
    expect(readlinkSync(join(dir, 'out/usr/bin/soft'))).toBe('../bin/a');
    expect(statSync(join(dir, 'out/usr/bin/hard')).ino).toBe(statSync(join(dir, 'out/usr/bin/a')).ino);
    if (format !== 'v7')
      expect(readFileSync(join(dir, `out/usr/${'long/'.repeat(30)}ünïcode`), 'utf8')).toBe('u');
  },
);

test.each(['gzip', 'xz', 'zstd'])('%s is recognised by its content, whatever the name', async program => {
  const dir = tempDir();
  const tree = makeTree(dir);
  execFileSync('tar', ['-C', tree, '-cf', join(dir, 'x.tar'), '.']);
  const compressed = spawnSync(program, ['-c', join(dir, 'x.tar')], { maxBuffer: 1 << 28 });
  if (compressed.error !== undefined) return; // the machine lacks the program
  writeFileSync(join(dir, 'archive.txt'), compressed.stdout);
  await unpackFile(join(dir, 'archive.txt'), join(dir, 'out'));
  expect(readFileSync(join(dir, 'out/usr/bin/a')).equals(readFileSync(join(tree, 'usr/bin/a')))).toBe(true);

  writeFileSync(join(dir, 'cut'), compressed.stdout.subarray(0, -20));
  expect((await refusalOf(unpackFile(join(dir, 'cut'), join(dir, 'out2')))).message).toMatch(/cut short/);
  writeFileSync(join(dir, 'more'), Buffer.concat([compressed.stdout, Buffer.from('garbage')]));
  expect((await refusalOf(unpackFile(join(dir, 'more'), join(dir, 'out3')))).code).toBe('ARCHIVE');
});

test('without the program for the compression the error says what to install', async () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'x'), Buffer.from('fd377a585a000004e6d6b446', 'hex'));
  const error = await refusalOf(unpackFile(join(dir, 'x'), join(dir, 'out'), LIMITS, { PATH: dir }));
  expect(error).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('program xz') });
  expect(error.hints.join()).toContain('install the package');
});

test.each(Object.entries(hostileArchives()))(
  'hostile: %s is refused, and nothing lands outside',
  async (_name, { archive, member: named, says }) => {
    const dir = tempDir();
    writeFileSync(join(dir, 'x'), archive);
    const error = await refusalOf(unpackFile(join(dir, 'x'), join(dir, 'out')));
    expect(error.code).toBe('ARCHIVE');
    expect(error.message).toMatch(says);
    if (named !== undefined) expect(error.message).toContain(`member '${JSON.stringify(named).slice(1, -1)}`);
    expect(readdirSync(dir).sort()).toEqual(['out', 'x']);
    for (const path of readdirSync(join(dir, 'out'), { recursive: true, encoding: 'utf8' }))
      expect(lstatSync(join(dir, 'out', path)).isSymbolicLink()).toBe(false);
  },
);

test('limits on members hold', async () => {
  const dir = tempDir();
  const many = Array.from({ length: 20 }, (_, index) => member({ name: `usr/f${index}` }));
  writeFileSync(join(dir, 'x'), Buffer.concat([...SOUND, ...many, END]));
  const error = await refusalOf(unpackFile(join(dir, 'x'), join(dir, 'out'), { ...LIMITS, members: 10 }));
  expect(error.message).toMatch(/more than 10 members/);
  // ./ again and again, and headers that speak of all members: they name nothing new, and are counted all the same
  const again = [
    member({ name: './', type: '5' }),
    member({ name: 'pax_global_header', type: 'g', content: Buffer.from('15 comment=abc\n') }),
  ];
  for (const [index, one] of again.entries()) {
    writeFileSync(join(dir, `again${index}`), Buffer.concat([...Array(11).fill(one), END]));
    const limits = { ...LIMITS, members: 10 };
    const refused = await refusalOf(unpackFile(join(dir, `again${index}`), join(dir, `out${index}`), limits));
    expect(refused.message).toMatch(/more than 10 members/);
  }
});

test('an archive that is written to while it is read is refused', async () => {
  const dir = tempDir();
  const path = join(dir, 'x');
  writeFileSync(path, Buffer.concat([...SOUND, END]));
  const archive = openArchive(path);
  truncateSync(path, 5120);
  mkdirSync(join(dir, 'out'));
  const error = await refusalOf(unpack(archive, Directory.open(join(dir, 'out')), ENVIRONMENT));
  expect(error.message).toMatch(/written to/);
});

test('a block by a block, or all at once: the same comes out', async () => {
  const { TarReader } = await import('../../src/archive/reader.ts');
  const bytes = Buffer.concat([...SOUND, member({ name: 'usr/c', content: Buffer.alloc(1500, 7) }), END]);
  const read = (step: number) => {
    const seen: string[] = [];
    const reader = new TarReader(
      {
        begin: ({ path, size, executable }) => void seen.push(`${path} ${size} ${executable} `),
        data: piece => void seen.push(piece.toString('hex')),
        end: () => void seen.push('\n'),
      },
      100,
    );
    for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
    reader.end();
    return seen.join('');
  };
  expect(read(bytes.length)).toContain('usr/c 1500 false 0707');
  for (const step of [1, 7, 511, 512, 513, 2000]) expect(read(step)).toBe(read(bytes.length));
});
