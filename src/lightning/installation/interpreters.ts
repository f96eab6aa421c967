/**
 * What else the kernel executes when a program is executed: its `#!` interpreter, and the dynamic loader of either
 * (execve(2), elf(5)). Reads the first bytes of files; never executes any.
 */
import { accessSync, closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { elfInterpreter, isElf } from '../../linux/elf.ts';

/** BINPRM_BUF_SIZE: the kernel reads no more of a `#!` line. */
const LINE_BYTES = 256;

/**
 * The interpreters of the program at `path`, those of interpreters included; absolute, links not resolved. A script whose
 * line names env(1) also needs the program that env finds in `searchPath`, lightningd's PATH.
 * A file that is not there or may not be read has none that could be known.
 */
export function interpretersOf(path: string, searchPath: string): string[] {
  const found = new Set<string>();
  const open = [path];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const interpreter of interpretersNamedBy(next, searchPath)) {
      if (found.has(interpreter)) continue;
      found.add(interpreter);
      open.push(interpreter);
    }
  }
  return [...found];
}

/** Where a program of this name is found in PATH, as execvp(3) does; undefined where it is not. */
export function findInPath(name: string, searchPath: string): string | undefined {
  return searchPath
    .split(':')
    .filter(directory => directory.startsWith('/')) // what is relative means another directory to lightningd
    .map(directory => `${directory}/${name}`)
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not to be executed: execvp looks on
  }
}

function interpretersNamedBy(path: string, searchPath: string): string[] {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return []; // not there, or closed to us: see above
  }
  try {
    if (!fstatSync(fd).isFile()) return [];
    if (isElf(fd)) return [elfInterpreter(fd)].filter(loader => loader?.startsWith('/') === true) as string[];
    const line = Buffer.alloc(LINE_BYTES);
    const length = readSync(fd, line, 0, LINE_BYTES, 0);
    return shebangPrograms(line.toString('utf8', 0, length), searchPath);
  } catch {
    return []; // EIO, or cut short meanwhile: whoever executes it will see
  } finally {
    closeSync(fd);
  }
}

function shebangPrograms(start: string, searchPath: string): string[] {
  const [, interpreter, argument = ''] = /^#![ \t]*(\/[^ \t\n]*)[ \t]*([^\n]*)/.exec(start) ?? [];
  if (interpreter === undefined) return [];
  if (basename(interpreter) !== 'env') return [interpreter];
  const name = programOfEnv(argument.trim());
  const program = name.startsWith('/') ? name : findInPath(name, searchPath);
  return program === undefined ? [interpreter] : [interpreter, program];
}

/** The kernel passes the rest of the line as one argument; env's -S splits it (env(1)). */
function programOfEnv(argument: string): string {
  const [, split] = /^(?:-[a-z]*S|--split-string=)(.*)$/.exec(argument) ?? [];
  if (split === undefined) return argument;
  return (
    split.split(/[ \t]+/).find(word => word !== '' && !word.startsWith('-') && !word.includes('=')) ?? ''
  );
}
