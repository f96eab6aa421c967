import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { readDynamic } from '../../../src/linux/loader/dynamic.ts';
import { askLoader, belongsToLoader, isGlibcLoader } from '../../../src/linux/loader/loader.ts';
import { noCompiler, tempDir } from '../../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

/** A program that needs libfirst.so.1, which needs libsecond.so.2; both lie in `<dir>/lib`. */
function makeProgram(dir: string, ...flags: string[]): string {
  spawnSync('mkdir', ['-p', join(dir, 'lib'), join(dir, 'bin')]);
  writeFileSync(join(dir, 'second.c'), 'int second(void) { return 2; }\n');
  writeFileSync(join(dir, 'first.c'), 'int second(void); int first(void) { return second(); }\n');
  writeFileSync(join(dir, 'main.c'), 'int first(void); int main(void) { return first(); }\n');
  const program = join(dir, 'bin/program');
  cc(dir, '-shared', '-fPIC', '-Wl,-soname,libsecond.so.2', '-o', 'lib/libsecond.so.2', 'second.c');
  cc(
    dir,
    '-shared',
    '-fPIC',
    '-Wl,-soname,libfirst.so.1',
    '-o',
    'lib/libfirst.so.1',
    'first.c',
    'lib/libsecond.so.2',
  );
  cc(dir, '-o', program, 'main.c', 'lib/libfirst.so.1', '-Wl,-rpath-link,lib', ...flags);
  return program;
}

function cc(cwd: string, ...args: string[]): void {
  const { status, stderr } = spawnSync('cc', args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

function dynamicOf(path: string) {
  const fd = openSync(path, 'r');
  try {
    return readDynamic(fd);
  } finally {
    closeSync(fd);
  }
}

test('the loader names each library that a program needs, and where it found it', async () => {
  const dir = tempDir();
  const program = makeProgram(dir);
  const { interpreter = '' } = dynamicOf(program);
  const answer = await askLoader(interpreter, program, join(dir, 'lib'));
  if (answer.kind !== 'answer') throw new Error(answer.reason);
  const own = answer.libraries.filter(({ name }) => !belongsToLoader(name));
  expect(own).toEqual([
    { name: 'libfirst.so.1', path: join(dir, 'lib/libfirst.so.1') },
    { name: 'libsecond.so.2', path: join(dir, 'lib/libsecond.so.2') },
  ]);
  expect(answer.byPath).toEqual([]);
  expect(answer.broken).toEqual([]);
});

test('a library that is not found is named, and the program is not run', async () => {
  const dir = tempDir();
  const program = makeProgram(dir);
  const { interpreter = '' } = dynamicOf(program);
  expect(await askLoader(interpreter, program, undefined)).toMatchObject({
    kind: 'answer',
    broken: [{ name: 'libfirst.so.1', reason: expect.stringContaining('cannot open shared object file') }],
  });
  rmSync(join(dir, 'lib/libsecond.so.2'));
  expect(await askLoader(interpreter, program, join(dir, 'lib'))).toMatchObject({
    broken: [{ name: 'libsecond.so.2' }],
  });
});

test('a library that is cut short is one that cannot be loaded', async () => {
  const dir = tempDir();
  const program = makeProgram(dir);
  const { interpreter = '' } = dynamicOf(program);
  truncateSync(join(dir, 'lib/libsecond.so.2'), 10);
  expect(await askLoader(interpreter, program, join(dir, 'lib'))).toMatchObject({
    kind: 'answer',
    broken: [{ name: join(dir, 'lib/libsecond.so.2') }],
  });
});

test('of a program that is no image, cut short, or not there, there is no answer', async () => {
  const dir = tempDir();
  const program = makeProgram(dir);
  const { interpreter = '' } = dynamicOf(program);
  const text = join(dir, 'text');
  writeFileSync(text, 'no image\n');
  const cut = join(dir, 'cut');
  copyFileSync(program, cut);
  truncateSync(cut, 3000);
  for (const path of [text, cut, join(dir, 'none')]) {
    expect(await askLoader(interpreter, path, undefined), path).toMatchObject({ kind: 'none' });
  }
});

test('a loader that hangs is ended', async () => {
  const dir = tempDir();
  const hanging = join(dir, 'hanging');
  writeFileSync(hanging, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
  const answer = await askLoader(hanging, '/bin/true', undefined, { ms: 50, bytes: 1024 });
  expect(answer).toEqual({ kind: 'none', reason: `${hanging} timed out` });
});

test('an image tells its loader, what it needs, and by which directories', () => {
  const dir = tempDir();
  const runpath = dynamicOf(makeProgram(dir, '-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib:/opt/x'));
  expect(runpath).toMatchObject({ rpath: [], runpath: ['$ORIGIN/../lib', '/opt/x'] });
  expect(runpath.needed).toContain('libfirst.so.1');
  expect(isGlibcLoader(runpath.interpreter ?? '')).toBe(true);
  const rpath = dynamicOf(makeProgram(dir, '-Wl,--disable-new-dtags,-rpath,/opt/x'));
  expect(rpath).toMatchObject({ rpath: ['/opt/x'], runpath: [] });
  expect(dynamicOf(join(dir, 'lib/libfirst.so.1'))).toMatchObject({ interpreter: undefined, rpath: [] });
  expect(dynamicOf(join(dir, 'main.c'))).toEqual({
    interpreter: undefined,
    needed: [],
    rpath: [],
    runpath: [],
  });
});

test('an image damaged anywhere is read without harm', () => {
  const dir = tempDir();
  const program = makeProgram(dir);
  const whole = readFileSync(program);
  const path = join(dir, 'damaged');
  for (let at = 0; at < 4096; at += 17) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 0xff;
    writeFileSync(path, damaged);
    expect(() => dynamicOf(path)).not.toThrow();
  }
});

test('what belongs to the loader is told by its name', () => {
  for (const name of [
    'libc.so.6',
    'libm.so.6',
    'libpthread.so.0',
    'ld-linux-x86-64.so.2',
    'libnss_dns.so.2',
    'libmvec.so.1',
  ])
    expect(belongsToLoader(name), name).toBe(true);
  for (const name of [
    'libsodium.so.23',
    'libcap.so.2',
    'libcom_err.so.2',
    'libgcc_s.so.1',
    'libmd.so.0',
    'libcrypt.so.1',
  ])
    expect(belongsToLoader(name), name).toBe(false);
  expect(isGlibcLoader('/lib/ld-musl-x86_64.so.1')).toBe(false);
});
