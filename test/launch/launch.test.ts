/** How a launch ends that does not come about: the program's file is there, and cannot be executed. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { tempDir } from '../helpers/stand-in.ts';

/** A file that `run --version` executes as it is, without asking whether it is a Core Lightning. */
function program(content: string | Buffer, mode = 0o755): string {
  const path = join(tempDir(), 'lightningd');
  writeFileSync(path, content, { mode });
  return path;
}

test.each([
  [
    'whose interpreter is missing',
    '#!/no/such/interpreter\n',
    /no such file or directory \(ENOENT, execve\)\nholdfast: hint: .*interpreter/,
  ],
  ['that is no program', 'hello\n', /exec format error \(ENOEXEC, execve\)/],
  ['whose interpreter is a directory', '#!/tmp\n', /permission denied \(EACCES, execve\)/],
])('a file %s: 126, and the reason', (_case, content, reason) => {
  const path = program(content);
  const called = holdfast(['run', path, '--version']);
  expect(called).toMatchObject({ status: 126, stdout: '' });
  expect(called.stderr).toMatch(reason);
  expect(called.stderr).toContain(path);
});

test('an ELF cut short: 126', () => {
  const path = program(readFileSync('/bin/true').subarray(0, 100));
  expect(holdfast(['run', path, '--version']).status).toBe(126);
});

test('a failed exec is said where SIGPIPE would kill, and standard error is a pipe that nobody reads', () => {
  const path = program('hello\n');
  const { stdout } = spawnSync(
    'bash',
    [
      '-c',
      '{ "$@"; echo $? >&3; } 3>&1 2> >(exec 2>&- 0<&-; exit)',
      'bash',
      HOLDFAST,
      'run',
      path,
      '--version',
    ],
    { encoding: 'utf8' },
  );
  expect(stdout).toBe('126\n');
});

test('started by hand, without bin/holdfast, the program gets the environment that there is', () => {
  const path = program('#!/bin/sh\necho "$GREETING"\n');
  const cli = join(HOLDFAST, '../../dist/cli.cjs');
  const called = spawnSync(process.execPath, ['--jitless', cli, 'run', path, '--version'], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, GREETING: 'hello' },
  });
  expect(called).toMatchObject({ status: 0, stdout: 'hello\n' });
});

test('od that fails, or is not there: 125, and what is needed', () => {
  const bin = join(tempDir(), 'bin');
  mkdirSync(bin);
  for (const tool of ['readlink']) copyFileSync(`/usr/bin/${tool}`, join(bin, tool));
  const env = { PATH: bin, HOLDFAST_NODE: process.execPath };
  const missing = spawnSync(HOLDFAST, ['run', '/bin/true'], { encoding: 'utf8', env });
  expect(missing).toMatchObject({ status: 125, stdout: '', stderr: expect.stringContaining('needs od') });
  writeFileSync(join(bin, 'od'), '#!/bin/sh\necho 0000000000000000\nexit 1\n');
  chmodSync(join(bin, 'od'), 0o755);
  const failing = spawnSync(HOLDFAST, ['run', '/bin/true'], { encoding: 'utf8', env });
  expect(failing).toMatchObject({ status: 125, stdout: '', stderr: expect.stringContaining('needs od') });
});
