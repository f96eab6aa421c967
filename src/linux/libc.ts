/**
 * The C library through koffi. The only file that loads koffi, and only when a binding is first asked for:
 * loading costs 6 to 13 ms (measured), and most commands need none.
 */
import { getSystemErrorMap } from 'node:util';
import { HoldfastError } from '../errors.ts';

/** A bound C function: numbers, bigints, strings, buffers in; a number (or what the prototype says) out. */
export type CFunction = (...args: unknown[]) => number;

interface Koffi {
  load(path: null): { func(prototype: string): CFunction };
  errno(value?: number): number;
  address(buffer: Buffer): bigint;
  readonly version: string;
}

/** errno(3): the same on every Linux. */
const EINTR = 4;

let koffi: Koffi | undefined;
let addonError: unknown;
const bound = new Map<string, CFunction>();

/**
 * The function of libc with this C prototype, in koffi's syntax: `int flock(int fd, int operation)`.
 * @throws HoldfastError `UNSUPPORTED` where koffi has no binary for this machine.
 */
export function libc(prototype: string): CFunction {
  const known = bound.get(prototype);
  if (known !== undefined) return known;
  const func = loadKoffi().load(null).func(prototype);
  bound.set(prototype, func);
  return func;
}

/** What a failed call throws: `code` and message made as those of Node's own errors, so that one reader reads both. */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    const [code, words] = errnoEntry(errno);
    super(`${code}: ${words}, ${syscall}`);
    this.code = code;
    this.syscall = syscall;
  }
}

/** Calls a function that answers -1 on failure; EINTR is tried again. @throws SyscallError */
export function call(prototype: string, ...args: unknown[]): number {
  return attempt(nameOf(prototype), libc(prototype), args);
}

/**
 * Makes a system call that libc has no function for (syscall(2)).
 * @param parameters those of the call, in koffi's syntax: `int fd, unsigned int flags`
 * @throws SyscallError with this name
 */
export function systemCall(name: string, number: number, parameters: string, ...args: unknown[]): number {
  return attempt(name, libc(`long syscall(long number, ${parameters})`), [number, ...args]);
}

function attempt(name: string, func: CFunction, args: readonly unknown[]): number {
  for (;;) {
    const result = func(...args);
    if (result !== -1) return result;
    const errno = loadKoffi().errno();
    if (errno !== EINTR) throw new SyscallError(name, errno);
  }
}

/** `int flock(int fd, int operation)` → `flock`. */
function nameOf(prototype: string): string {
  return /(\w+)\s*\(/.exec(prototype)?.[1] ?? prototype;
}

/** The errno's name and words as libuv has them; what it does not know (ENOEXEC, in Node 20) as libc has it. */
function errnoEntry(errno: number): [code: string, words: string] {
  const known = getSystemErrorMap().get(-errno);
  if (known !== undefined) return known;
  const { errno: numbers } = process.getBuiltinModule('node:os').constants;
  const code = Object.entries(numbers).find(([, number]) => number === errno)?.[0];
  return [code ?? `E${errno}`, String(libc('const char *strerror(int errnum)')(errno)).toLowerCase()];
}

/** Where a cache line may begin, bytes, on every machine of today (arm64 has lines of 64 and of 128). */
const CACHE_LINE = 128;

/**
 * Memory that begins with a cache line, not zeroed: read(2) fills it quicker (4 of 50 ms for 128 MB, measured: the
 * kernel's copying minds, and malloc(3) is always 16 bytes off).
 * @param size bytes
 */
export function alignedBuffer(size: number): Buffer {
  const room = Buffer.allocUnsafeSlow(size + CACHE_LINE);
  const start = -Number(loadKoffi().address(room) % BigInt(CACHE_LINE)) & (CACHE_LINE - 1);
  return room.subarray(start, start + size);
}

function loadKoffi(): Koffi {
  if (koffi !== undefined) return koffi;
  const load = requireHere();
  try {
    koffi = loadAddon(load) ?? (load('koffi') as Koffi);
  } catch (cause) {
    throw new HoldfastError('UNSUPPORTED', 'cannot load koffi, the binding to the C library', {
      cause,
      details: [...new Set([addonError, cause].map(firstLine).filter(words => words !== ''))],
      hint: `koffi has binaries for linux on x64, arm64, arm, ia32, riscv64, ppc64 and loong64; this is ${process.arch}. Reinstall holdfast with its optional dependencies; holdfast doctor says more`,
    });
  }
  return koffi;
}

/** The bundle's own `require`, since loading node:module for another one takes 1.4 ms (measured); a module has none. */
function requireHere(): NodeJS.Require {
  if (typeof require === 'function') return require;
  return process.getBuiltinModule('node:module').createRequire(import.meta.url);
}

/**
 * koffi's addon itself where it lies beside us and is built for this C library. koffi's own index finds the same
 * file by reading ELF headers and wraps it in deprecations: 9 to 15 ms without a JIT against 1 (measured).
 */
function loadAddon(load: NodeJS.Require): Koffi | undefined {
  if (process.arch !== 'x64' && process.arch !== 'arm64') return undefined; // the others have more than one ABI
  try {
    const addon = load(`@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`) as Koffi;
    return addon.version.startsWith('3.') ? addon : undefined;
  } catch (error) {
    addonError = error; // musl, or installed where only koffi itself finds it
    return undefined;
  }
}

/** What the loader said, without Node's list of who required whom. */
function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : '';
}
