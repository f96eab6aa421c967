/**
 * What a process hands to the program that it executes: descriptors (fcntl(2)), signal dispositions (signal(7)), the
 * signal mask (sigprocmask(2)), limits (prlimit(2)), and execve(2) itself. Each call acts on this process.
 */
import { call, libc } from '../libc.ts';

const F_DUPFD = 0;
const F_DUPFD_CLOEXEC = 1030;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const FCNTL = 'int fcntl(int fd, int command, int argument)';

/** Lets a descriptor through an exec, or not. @throws SyscallError */
export function setCloseOnExec(fd: number, close: boolean): void {
  call(FCNTL, fd, F_SETFD, close ? FD_CLOEXEC : 0);
}

/**
 * A second descriptor for the same open file, the lowest free one from `least` on; it survives an exec, or not.
 * @throws SyscallError EINVAL where `least` is not below the soft limit, EMFILE where no descriptor is left
 */
export function duplicate(fd: number, least: number, then?: 'close on exec'): number {
  return call(FCNTL, fd, then === undefined ? F_DUPFD : F_DUPFD_CLOEXEC, least);
}

const SIG_DFL = 0;
const SIG_IGN = 1;

/** Ignores a signal, or gives it its default action. What libc keeps for itself (32, 33) is refused and left alone. */
export function ignoreSignal(signal: number, ignore: boolean): void {
  libc('intptr_t signal(int signum, intptr_t handler)')(signal, ignore ? SIG_IGN : SIG_DFL);
}

const SIG_UNBLOCK = 1;
const SIG_SETMASK = 2;

/** Unblocks one signal for this thread. */
export function unblockSignal(signal: number): void {
  changeMask(SIG_UNBLOCK, 1n << BigInt(signal - 1));
}

/** Blocks exactly these signals for this thread: bit n-1 for signal n. */
export function setBlockedSignals(set: bigint): void {
  changeMask(SIG_SETMASK, set);
}

/** glibc's sigset_t has 1024 bits, of which the kernel knows 64. */
function changeMask(how: number, set: bigint): void {
  const bytes = Buffer.alloc(128);
  bytes.writeBigUInt64LE(set);
  call('int sigprocmask(int how, const void *set, void *old)', how, bytes, null);
}

const RLIMIT_NOFILE = 7;

/** With 64-bit limits on all machines: glibc's prlimit has 32-bit ones on these two. */
const PRLIMIT = process.arch === 'arm' || process.arch === 'ia32' ? 'prlimit64' : 'prlimit';

/** Sets the soft limit of descriptors; the hard one stays. @throws SyscallError */
export function setSoftDescriptorLimit(soft: bigint): void {
  const limit = Buffer.alloc(16);
  const prlimit = `int ${PRLIMIT}(int pid, int resource, const void *new, void *old)`;
  call(prlimit, 0, RLIMIT_NOFILE, null, limit);
  if (limit.readBigUInt64LE() === soft) return;
  limit.writeBigUInt64LE(soft);
  call(prlimit, 0, RLIMIT_NOFILE, limit, null);
}

/** Becomes another program. Returns only by throwing. @throws SyscallError */
export function execve(file: string, argv: readonly Buffer[], environment: readonly Buffer[]): never {
  const vector = (strings: readonly Buffer[]): unknown[] => [
    ...strings.map(string => Buffer.concat([string, Buffer.of(0)])),
    null,
  ];
  call('int execve(const char *path, void **argv, void **envp)', file, vector(argv), vector(environment));
  throw new Error('execve returned'); // it does not
}

/** The number of a signal by its name. Not for the way to a launch: node:os takes 0.4 ms to load (measured). */
export function signalNumber(name: NodeJS.Signals): number {
  return process.getBuiltinModule('node:os').constants.signals[name];
}
