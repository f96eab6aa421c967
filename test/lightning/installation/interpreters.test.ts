import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { findInPath, interpretersOf } from '../../../src/lightning/installation/interpreters.ts';
import { Running, script } from '../../helpers/running.ts';

const running = new Running();
afterEach(() => running.end());

/** A directory for PATH with a script `lisp`, whose own interpreter is `/opt/scheme`. */
function makePath(): string {
  const directory = running.directory();
  script(join(directory, 'lisp'), '#!/opt/scheme\n');
  return directory;
}

describe('the interpreters of a script', () => {
  test.for([
    ['#!/opt/scheme', ['/opt/scheme']],
    ['#! /opt/scheme -x -y', ['/opt/scheme']],
    ['#!\t/opt/scheme\r', ['/opt/scheme\r']],
    ['#!/opt/env lisp', ['/opt/env', 'PATH/lisp', '/opt/scheme']],
    ['#!/opt/env -S lisp -u', ['/opt/env', 'PATH/lisp', '/opt/scheme']],
    ['#!/opt/env -vS -i A=b PATH=/nowhere lisp', ['/opt/env', 'PATH/lisp', '/opt/scheme']],
    ['#!/opt/env --split-string=lisp -u', ['/opt/env', 'PATH/lisp', '/opt/scheme']],
    ['#!/opt/env lisp -u', ['/opt/env']], // one word with a blank in it: env finds none
    ['#!/opt/env /opt/scheme', ['/opt/env', '/opt/scheme']],
    ['#!/opt/env nobody', ['/opt/env']],
    ['#!relative/scheme', []],
    ['#!', []],
    ['', []],
    ['no script at all', []],
  ] as const)('%j', ([line, expected]) => {
    const path = makePath();
    const program = script(join(path, 'program'), `${line}\n`);
    const names = interpretersOf(program, path).map(name => name.replace(path, 'PATH'));
    expect(names).toEqual(expected);
  });

  test('that interpret each other in a circle are each named once', () => {
    const directory = running.directory();
    const [one, two] = [join(directory, 'one'), join(directory, 'two')];
    script(one, `#!${two}\n`);
    script(two, `#!${one}\n`);
    expect(interpretersOf(one, '').sort()).toEqual([one, two]);
  });

  test('of a program that is not there, a directory or a FIFO are none', () => {
    const directory = running.directory();
    expect(interpretersOf(join(directory, 'nobody'), '')).toEqual([]);
    expect(interpretersOf(directory, '')).toEqual([]);
  });
});

test('the dynamic loader is the interpreter of a compiled program', () => {
  expect(interpretersOf(process.execPath, '')).toEqual([expect.stringMatching(/^\/lib.*\/ld-.*\.so/)]);
});

test('PATH is searched for what may be executed, and what is relative in it is passed over', () => {
  const [first, second] = [running.directory(), makePath()];
  writeFileSync(join(first, 'lisp'), '');
  chmodSync(join(first, 'lisp'), 0o644);
  mkdirSync(join(first, 'dir'));
  symlinkSync('nowhere', join(first, 'dangling'));
  expect(findInPath('lisp', `.::relative:/nowhere:${first}:${second}`)).toBe(join(second, 'lisp'));
  expect(findInPath('dir', first)).toBe(undefined);
  expect(findInPath('dangling', first)).toBe(undefined);
});
