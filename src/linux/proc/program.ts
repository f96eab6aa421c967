/**
 * Which program a process runs: the file it executes, or the script that this file, an interpreter, was given.
 * Answers from what /proc says now; never executes, never changes anything. Options are read as the interpreter reads
 * them; where the script cannot be told from the arguments, that is the answer.
 */
import { closeSync, openSync, readlinkSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { inodeKey } from './image.ts';
import { type Process, sharesOurMounts, workingDirectoryOf } from './processes.ts';

/** What runs. */
export type Program =
  /** the executed file itself: `exe` of the process */
  | { readonly kind: 'elf' }
  | {
      readonly kind: 'script';
      /** Absolute, in the mount namespace of the process. */
      readonly path: string;
      /** The same file for us to open; differs where the process sees other mounts. It may have been replaced since. */
      readonly openAt: string;
    }
  /** an interpreter without a script that could be looked at: `-c`, `-m`, standard input, or a path that is lost */
  | { readonly kind: 'interpreter'; readonly reason: string }
  | { readonly kind: 'unreadable'; readonly errno: string };

interface Interpreter {
  readonly names: RegExp;
  /** Options whose value is the next argument. */
  readonly withValue: RegExp;
  /** Options after which there is no script. */
  readonly noScript: RegExp;
}

const INTERPRETERS: readonly Interpreter[] = [
  {
    names: /^(python|pypy)[0-9.]*[a-z]*$/,
    withValue: /^-[A-Za-z]*[WX]$|^--check-hash-based-pycs$/,
    noScript: /^-[A-Za-z]*[cm]/,
  },
  {
    names: /^(ba|da|a|z|k|mk)?sh(5[23])?$|^busybox$/,
    withValue: /^[-+][A-Za-z]*[oO]$|^--(init-file|rcfile)$/,
    noScript: /^-[A-Za-z]*[cs]/,
  },
  {
    names: /^node(js)?[0-9]*$/,
    withValue: /^(-r|--require|--import|-C|--conditions|--loader|--experimental-loader|--env-file|--title)$/,
    noScript: /^(-e|-p|-pe|-i|--eval|--print|--interactive|--run)$/,
  },
  { names: /^perl[0-9.]*$/, withValue: /^-I$/, noScript: /^-[A-Za-z]*[eE]/ },
  { names: /^ruby[0-9.]*$/, withValue: /^-[IrC]$/, noScript: /^-[A-Za-z]*e/ },
  { names: /^lua(jit)?[0-9.]*$/, withValue: /^-l$/, noScript: /^-[ei]/ },
  {
    names: /^ld(-linux.*|-musl.*|-[0-9.]+)?\.so(\.\d+)?$/,
    withValue: /^--(library-path|inhibit-rpath|audit|preload|argv0|glibc-hwcaps-(prepend|mask))$/,
    noScript: /^--(help|version|list-.*)$/,
  },
];

/** Which program a process of listProcesses runs. */
export function programOf(process: Process, proc = '/proc'): Program {
  const { exe } = process;
  if (exe.kind === 'unreadable') return exe;
  // The names that count: what it is called on disk, and, for busybox and alternatives, how it was called.
  const interpreter = INTERPRETERS.find(({ names }) => names.test(basename(exe.path)));
  if (interpreter === undefined) return scriptByShebang(process, proc) ?? { kind: 'elf' };
  const argument = scriptArgument(process.argv, interpreter, basename(exe.path) === 'busybox');
  if (argument === undefined) return { kind: 'interpreter', reason: 'it was given no script file' };
  return (
    resolve(process.pid, argument, proc) ?? { kind: 'interpreter', reason: `${argument} is not to be found` }
  );
}

/** The first argument that is neither an option nor an option's value; undefined where there is none. */
function scriptArgument(
  argv: readonly Buffer[],
  interpreter: Interpreter,
  busybox: boolean,
): string | undefined {
  const words = argv.map(word => word.toString());
  let at = 1;
  // `busybox sh script` names the applet first; started through a link, argv[0] is the applet.
  if (busybox && basename(words[0] ?? '') === 'busybox') at++;
  for (; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return words[at + 1];
    if (word === '-' || interpreter.noScript.test(word)) return undefined;
    if (interpreter.withValue.test(word)) at++;
    else if (!/^[-+]./.test(word)) return word === '' ? undefined : word;
  }
  return undefined;
}

/** An interpreter that we do not know: the kernel passed it a file whose first line names it (execve(2)). */
function scriptByShebang(process: Process, proc: string): Program | undefined {
  for (const word of process.argv.slice(1, 3)) {
    const script = resolve(process.pid, word.toString(), proc);
    if (script === undefined) continue;
    const named = shebangOf(script.openAt);
    if (named === undefined || process.exe.kind !== 'file') continue;
    const interpreter = statOrNone(named);
    if (interpreter !== undefined && inodeKey(interpreter) === inodeKey(process.exe)) return script;
  }
  return undefined;
}

function resolve(pid: number, argument: string, proc: string): (Program & { kind: 'script' }) | undefined {
  const cwd = argument.startsWith('/') ? '' : workingDirectoryOf(pid, proc);
  if (cwd === undefined) return undefined;
  const path = argument.startsWith('/') ? argument : `${cwd === '/' ? '' : cwd}/${argument}`;
  const openAt = seesOurTree(pid, proc) ? path : `${proc}/${pid}/root${path}`;
  return statOrNone(openAt)?.isFile() === true ? { kind: 'script', path, openAt } : undefined;
}

/** Same mounts, and not chroot'ed: then a path means the same to it and to us. */
function seesOurTree(pid: number, proc: string): boolean {
  try {
    return (
      sharesOurMounts(pid, proc) === true &&
      readlinkSync(`${proc}/${pid}/root`) === readlinkSync(`${proc}/self/root`)
    );
  } catch {
    return false; // closed or gone: then the path through /proc/PID/root fails as well, and that is said
  }
}

/** The interpreter of a `#!` line; the kernel reads 255 bytes of it. */
function shebangOf(path: string): string | undefined {
  const line = Buffer.alloc(256);
  let length: number;
  try {
    const fd = openSync(path, 'r');
    try {
      length = readSync(fd, line, 0, line.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined; // not to be read: it is no witness
  }
  return /^#![ \t]*([^ \t\n]+)/.exec(line.toString('utf8', 0, length))?.[1];
}

function statOrNone(path: string) {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // EACCES, ENOTDIR, ELOOP: not to be looked at
  }
}
