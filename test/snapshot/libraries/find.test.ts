import { closeSync, openSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { elfInterpreter } from '../../../src/linux/elf.ts';
import { isStillSo } from '../../../src/snapshot/libraries/evidence.ts';
import { findLibraries } from '../../../src/snapshot/libraries/find.ts';
import { makeCInstallation, makeLibraries, noCompiler, tempDir } from '../../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function make() {
  const dir = tempDir();
  const libraryDir = join(dir, 'lib');
  const installed = makeCInstallation(dir, 'v25.12', { libraryDir });
  const candidates = installed.files
    .filter(path => !path.includes('clnrest'))
    .map(path => ({ path, source: join(installed.prefix, path) }));
  return { dir, libraryDir, installed, candidates };
}

test('the libraries of all programs are found, those of libraries too, each once and with no link left', async () => {
  const { libraryDir, candidates } = make();
  const found = await findLibraries(candidates, undefined);
  expect(found.libraries.map(({ name, path, source }) => [name, path, source])).toEqual([
    ['libstandin.so.1', '.libraries/libstandin.so.1', join(libraryDir, 'libstandin.so.1.0.0')],
    ['libdeep.so.2', '.libraries/libdeep.so.2', join(libraryDir, 'libdeep.so.2.1')],
  ]);
  expect(found.directories).toEqual(['bin', 'libexec/c-lightning', 'libexec/c-lightning/plugins']);
  expect(found.broken).toEqual([]);
  expect(found.warnings).toEqual([]);
});

test('of scripts and of programs that need nothing but glibc, nothing is held, and nothing said', async () => {
  const dir = tempDir();
  const { prefix, files } = makeCInstallation(dir, 'v25.12');
  const found = await findLibraries(
    files.map(path => ({ path, source: join(prefix, path) })),
    undefined,
  );
  expect(found).toMatchObject({ libraries: [], directories: [], broken: [], warnings: [] });
});

test('what is found by LD_LIBRARY_PATH comes first, as at the launch', async () => {
  const { dir, candidates } = make();
  makeLibraries(join(dir, 'other'));
  const { libraries } = await findLibraries(candidates, join(dir, 'other'));
  expect(new Set(libraries.map(({ source }) => dirname(source)))).toEqual(new Set([join(dir, 'other')]));
});

test('a library that is gone is said of every program that needs it', async () => {
  const { libraryDir, candidates } = make();
  rmSync(join(libraryDir, 'libdeep.so.2'));
  const { broken, libraries } = await findLibraries(candidates, undefined);
  expect(libraries).toEqual([]);
  const programs = candidates.filter(({ path }) => !path.endsWith('reckless')).map(({ path }) => path);
  expect(broken.map(({ program }) => program).sort()).toEqual(programs.sort());
  expect(new Set(broken.map(({ library }) => library))).toEqual(new Set(['libdeep.so.2']));
});

test('where programs load different files under one name, none is held, and that is said', async () => {
  const { dir, candidates } = make();
  const second = makeCInstallation(join(dir, 'second'), 'v25.12', { libraryDir: join(dir, 'other') });
  const found = await findLibraries(
    [...candidates, { path: 'bin/second', source: second.lightningd }],
    undefined,
  );
  expect(found.libraries).toEqual([]);
  expect(found.warnings.join('\n')).toMatch(/libstandin\.so\.1' is not held: programs load different files/);
});

test("a program whose loader is not glibc's is said, and is not asked for", async () => {
  const { dir, candidates } = make();
  const source = join(dir, 'other-loader');
  const image = readFileSync(candidates[0]?.source ?? '');
  const loader = interpreterOf(candidates[0]?.source ?? '');
  const musl = '/lib/ld-musl-x86_64.so.1';
  image.write(`${musl}\0`.padEnd(loader.length, '\0'), image.indexOf(`${loader}\0`));
  writeFileSync(source, image);
  const { libraries, warnings } = await findLibraries([{ path: 'bin/musl', source }], undefined);
  expect(libraries).toEqual([]);
  expect(warnings.join()).toMatch(/not held where the loader is not glibc's, and '\/lib\/ld-musl/);
});

test('what the answer rests on is noted: each link, the cache, the directories, LD_LIBRARY_PATH', async () => {
  const { dir, libraryDir, candidates } = make();
  const { evidence } = await findLibraries(candidates, undefined);
  expect(isStillSo(evidence, undefined, true)).toBe(true);
  expect(isStillSo(evidence, join(dir, 'x'), true)).toBe(false);
  const link = join(libraryDir, 'libdeep.so.2');
  rmSync(link);
  symlinkSync('./libdeep.so.2.1', link);
  expect(isStillSo(evidence, undefined, true)).toBe(false);
  const again = (await findLibraries(candidates, undefined)).evidence;
  renameSync(libraryDir, `${libraryDir}.old`);
  expect(isStillSo(again, undefined, true)).toBe(false);
});

function interpreterOf(path: string): string {
  const fd = openSync(path, 'r');
  try {
    return elfInterpreter(fd) ?? '';
  } finally {
    closeSync(fd);
  }
}
