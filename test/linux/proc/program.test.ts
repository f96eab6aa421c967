import { copyFileSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { listProcesses } from '../../../src/linux/proc/processes.ts';
import { type Program, programOf } from '../../../src/linux/proc/program.ts';
import { asUser, copyOfSleep, Running, script, until, works } from '../../helpers/running.ts';

const running = new Running();
afterEach(() => running.end());

/** What a process runs, as soon as its arguments say `word`: an interpreter may be two execs away. */
async function programNamed(pid: number, word: string): Promise<Program> {
  const process = await until(`process ${pid} to be ${word}`, () =>
    listProcesses().processes.find(one => one.pid === pid && one.argv.some(arg => arg.toString() === word)),
  );
  return programOf(process);
}

const SLEEP = {
  sh: 'sleep 600 & wait',
  python: 'import time; time.sleep(600)',
  node: 'setTimeout(() => {}, 600000)',
};

describe('the script that an interpreter was given', () => {
  test.for([
    ['#!/bin/sh', SLEEP.sh, '/bin/sh'],
    ['#!/bin/sh -eu', SLEEP.sh, '/bin/sh'],
    ['#!/usr/bin/env bash', SLEEP.sh, 'bash'],
    ['#!/usr/bin/env python3', SLEEP.python, 'python3'],
    ['#!/usr/bin/env -S python3 -u -X utf8', SLEEP.python, 'python3'],
    ['#!/usr/bin/env node', SLEEP.node, 'node'],
    ['#!/usr/bin/env -S node --no-warnings --require node:fs', SLEEP.node, 'node'],
  ] as const)('%s', async ([line, body, interpreter], ctx) => {
    if (!works('/usr/bin/env', interpreter, '--version') && !works('/usr/bin/env', interpreter, '-c', ':')) {
      ctx.skip(`no ${interpreter} here`);
    }
    const path = script(join(running.directory(), 'plugin'), `${line}\n${body}\n`);
    const { pid } = await running.start(path, ['--option', 'word']);
    const found = await until('the script', () => {
      const process = listProcesses().processes.find(one => one.pid === pid);
      const program = process === undefined ? undefined : programOf(process);
      return program?.kind === 'script' && program.path === path && program;
    });
    expect(readFileSync(found.openAt, 'utf8')).toBe(`${line}\n${body}\n`);
  });

  test('a relative path is that of the working directory of the process', async () => {
    const directory = running.directory();
    script(join(directory, 'plugin.sh'), SLEEP.sh);
    const { pid } = await running.start('/bin/sh', ['plugin.sh'], { cwd: directory });
    expect(await programNamed(pid, 'plugin.sh')).toMatchObject({
      kind: 'script',
      path: join(directory, 'plugin.sh'),
    });
  });

  test('given by -c, or deleted since, there is no script that could be looked at', async () => {
    const inline = await running.start('/bin/sh', ['-c', SLEEP.sh, 'word']);
    expect(await programNamed(inline.pid, 'word')).toMatchObject({ kind: 'interpreter' });
    const path = script(join(running.directory(), 'plugin.sh'), SLEEP.sh);
    const { pid } = await running.start('/bin/sh', [path]);
    await until('the script to run', () => listProcesses().processes.some(one => one.ppid === pid));
    unlinkSync(path); // not sooner: sh would not find it
    expect(await programNamed(pid, path)).toMatchObject({ kind: 'interpreter' });
  });

  test('an interpreter of a name that we do not know is known by the #! line', async () => {
    const directory = running.directory();
    copyFileSync('/bin/sh', join(directory, 'lisp'));
    const path = script(join(directory, 'plugin'), `#!${join(directory, 'lisp')}\n${SLEEP.sh}\n`);
    const { pid } = await running.start(path);
    expect(await programNamed(pid, path)).toEqual({ kind: 'script', path, openAt: path });
  });

  test('a program started through the dynamic loader is that program', async ctx => {
    const loader = '/lib64/ld-linux-x86-64.so.2';
    if (!works(loader, '/bin/true')) ctx.skip('no loader of that name here');
    const file = copyOfSleep(join(running.directory(), 'lightningd'));
    const { pid } = await running.start(loader, ['--library-path', '/lib', file, '600']);
    expect(await programNamed(pid, file)).toMatchObject({ kind: 'script', path: file });
  });

  test('in another mount namespace it is opened through the root of the process', async ctx => {
    if (!works('unshare', '--mount', 'true')) ctx.skip('unshare is not allowed here');
    const path = script(join(running.directory(), 'plugin'), `#!/bin/sh\n${SLEEP.sh}\n`);
    const { pid } = await running.start('unshare', ['--mount', path]);
    const found = await until('the script', () => {
      const process = listProcesses().processes.find(one => one.pid === pid);
      const program = process === undefined ? undefined : programOf(process);
      return program?.kind === 'script' && program;
    });
    expect(found).toEqual({ kind: 'script', path, openAt: `/proc/${pid}/root${path}` });
    expect(readFileSync(found.openAt, 'utf8')).toContain(SLEEP.sh);
  });
});

test('a compiled program is itself, whatever its arguments name', async () => {
  const file = copyOfSleep(join(running.directory(), 'lightningd'));
  const { pid } = await running.start(file, ['600']);
  expect(await programNamed(pid, '600')).toEqual({ kind: 'elf' });
});

test("another user's process is unreadable", async ctx => {
  if (process.getuid?.() !== 0) ctx.skip('needs root, to start a process as another user');
  const file = copyOfSleep(join(running.directory(), 'lightningd'));
  const { pid } = await running.start(file, ['600']);
  const found = listProcesses().processes.find(one => one.pid === pid);
  expect(found).toBeDefined();
  const seen = asUser(1234, () => listProcesses().processes.find(one => one.pid === pid));
  expect(seen && programOf(seen)).toMatchObject({ kind: 'unreadable' });
});
