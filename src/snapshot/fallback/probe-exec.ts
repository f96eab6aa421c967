/**
 * Can programs be executed in this directory? The thorough answer: a small ELF is put there and executed. Leaves
 * nothing behind, and never says `noexec` where the mount is not: a security module that refuses is another thing, and
 * remounting would not help.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, fchmodSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { errnoOf } from '../../errors.ts';
import type { Directory } from '../../linux/files/directory.ts';
import { smallestProgram } from '../../linux/process/smallest-program.ts';
import { isExecutable, probeName, removeProbe } from '../store/executable.ts';

const { O_RDWR, O_RDONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** What came of the attempt to execute a program. */
export const EXEC_VERDICTS = [
  /** it ran */
  'executable',
  /** refused, and the mount has the option noexec */
  'noexec',
  /** the file system keeps no execute bits: no file has them, or every one (vfat, exfat, ntfs, cifs) */
  'no-execute-bit',
  /** refused though the mount allows it: a security module, a seccomp filter, missing rights */
  'refused',
  /** it could not be tried */
  'undetermined',
] as const;
export type ExecVerdict = (typeof EXEC_VERDICTS)[number];

/** The verdict and its grounds. */
export interface ExecProbe {
  readonly verdict: ExecVerdict;
  /** the system call that answered, `execve`, `open`; null where none failed */
  readonly syscall: string | null;
  /** and its errno's name */
  readonly errno: string | null;
  /** in words, for an operator */
  readonly reason: string;
}

/**
 * By a real execve(2). The program is executed through its open descriptor: in another user's
 * directory the name could mean something else by then.
 * @param noexec has the mount that the directory is on this option?
 */
export function probeExec(directory: Directory, noexec: boolean): ExecProbe {
  let probe: ExecProbe;
  try {
    probe = attemptExec(directory, noexec);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    probe = {
      verdict: 'undetermined',
      syscall: (error as NodeJS.ErrnoException).syscall ?? null,
      errno,
      reason: `no program can be put there to be tried: ${wordsOf(error)}`,
    };
  }
  // where we may not write, the mount's option still is an answer
  return probe.verdict === 'undetermined' && noexec
    ? { ...probe, verdict: 'noexec', reason: `the mount has the option noexec; ${probe.reason}` }
    : probe;
}

function attemptExec(directory: Directory, noexec: boolean): ExecProbe {
  const program = findProgram();
  const path = directory.at(probeName());
  const writing = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  let reading: number | undefined;
  try {
    try {
      if (isExecutable(writing)) return noExecuteBits('every file there would be a program');
      for (let done = 0; done < program.length; ) done += writeSync(writing, program, done);
      fchmodSync(writing, 0o755); // whatever the umask
      if (!isExecutable(writing)) return noExecuteBits('files there never are programs');
      reading = openSync(path, O_RDONLY | O_NOFOLLOW);
      if (!isSameFile(reading, writing)) throw fault('ESTALE', 'open', 'somebody replaced the file');
    } finally {
      closeSync(writing); // a file that is open for writing is not executed: ETXTBSY, execve(2)
    }
    return execute(reading, noexec);
  } finally {
    if (reading !== undefined) closeSync(reading);
    removeProbe(path);
  }
}

function isSameFile(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one, { bigint: true }), fstatSync(other, { bigint: true })];
  return a.ino === b.ino && a.dev === b.dev;
}

/** Executes an open program without arguments, environment, input and output. */
function execute(fd: number, noexec: boolean): ExecProbe {
  const { error, status, signal } = spawnSync(`/proc/self/fd/${fd}`, [], {
    argv0: 'true', // a copied program may be one of many in one file, busybox say
    env: {},
    stdio: 'ignore',
    timeout: 10_000,
    killSignal: 'SIGKILL',
  });
  if (error !== undefined) return refusal(error, noexec);
  if (status === 0)
    return { verdict: 'executable', syscall: null, errno: null, reason: 'a program ran there' };
  const end = signal === null ? `ended with status ${status}` : `was ended by ${signal}`;
  return {
    verdict: 'refused',
    syscall: null,
    errno: null,
    reason: `a program was started there, but ${end}`,
  };
}

/** execve(2): EACCES and EPERM are refusals; anything else says nothing of the directory. */
function refusal(error: Error, noexec: boolean): ExecProbe {
  const errno = errnoOf(error) ?? null;
  if (errno === 'EACCES' && noexec) {
    return {
      verdict: 'noexec',
      syscall: 'execve',
      errno,
      reason: 'execve(2) says EACCES, and the mount has the option noexec',
    };
  }
  if (errno === 'EACCES' || errno === 'EPERM') {
    return {
      verdict: 'refused',
      syscall: 'execve',
      errno,
      reason: `execve(2) says ${errno}, though the mount is not noexec: ${refuserWords()}`,
    };
  }
  return {
    verdict: 'undetermined',
    syscall: 'execve',
    errno,
    reason: `a program could not be started at all: ${wordsOf(error)}`,
  };
}

function noExecuteBits(so: string): ExecProbe {
  return {
    verdict: 'no-execute-bit',
    syscall: null,
    errno: null,
    reason: `the file system keeps no execute bits: ${so}`,
  };
}

/** Who else may have refused; the label that our process runs under (LSM: apparmor(7), selinux(8)) where it has one. */
function refuserWords(): string {
  let label = '';
  try {
    label = readFileSync('/proc/self/attr/current', 'latin1').replace(/[\0\n].*$/s, '');
  } catch {
    // no security module that labels processes
  }
  const who = 'a security module, Landlock or a seccomp filter';
  return label === '' || label === 'unconfined' ? who : `${who} (this process runs as ${label})`;
}

/** Ours, or a small one of the system's where we have none for this architecture. A script would prove nothing. */
function findProgram(): Buffer {
  const own = smallestProgram(process.arch);
  if (own !== undefined) return own;
  for (const path of ['/bin/true', '/usr/bin/true']) {
    try {
      const image = readFileSync(path);
      if (image.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'))) return image;
    } catch {
      // the next one
    }
  }
  throw fault('ENOENT', 'read', 'there is no small program on this system to try it with');
}

/** An error like Node's own. */
function fault(code: string, syscall: string, words: string): Error {
  return Object.assign(new Error(words), { code, syscall });
}

/** `permission denied (EACCES)`. */
function wordsOf(error: unknown): string {
  const { errno, code, message } = error as NodeJS.ErrnoException;
  const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return `${words ?? message} (${code ?? 'no errno'})`;
}
