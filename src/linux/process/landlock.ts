/**
 * Landlock, the execute right alone (landlock(7)): which files this process and all that descend from it may execute, for
 * the rest of their lives. Reading, writing and the network stay as they are.
 *
 * Whatever a ruleset handles, it denies every rename(2) and link(2) between two directories, with EXDEV, unless it handles
 * the right to refer too and allows it: hence the rule on `/`. What stays denied even so is to bring a file to where it
 * could then be executed. The first version of the interface knows no such right, and denies them all.
 *
 * What the right means (security/landlock/fs.c, hook_file_open): a file may be opened for execution, by execve(2) as the
 * program, as its `#!` interpreter or as its ELF interpreter, where a rule names it or a directory above it. A shared
 * library needs no such right, and neither has a program that an allowed interpreter loads by itself.
 */
import { closeSync, openSync } from 'node:fs';
import { errnoOf, systemError } from '../../errors.ts';
import { O_PATH } from '../files/directory.ts';
import { call, systemCall } from '../libc.ts';

/** The same on every architecture that koffi is built for (include/uapi/asm-generic/unistd.h). */
const CREATE_RULESET = 444;
const ADD_RULE = 445;
const RESTRICT_SELF = 446;

const LANDLOCK_CREATE_RULESET_VERSION = 1;
/** Audit what is denied after the next execve(2), too: since version 7 of the interface, Linux 6.15 */
const LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON = 2;
const LANDLOCK_ACCESS_FS_EXECUTE = 1n;
/** Link or rename into another directory: since version 2, Linux 5.19 */
const LANDLOCK_ACCESS_FS_REFER = 1n << 13n;
const REFER_VERSION = 2;
const LANDLOCK_RULE_PATH_BENEATH = 1;
const PR_SET_NO_NEW_PRIVS = 38;

const CREATE = 'const void *attr, size_t size, unsigned int flags';

/**
 * The version of Landlock's interface that this kernel has.
 * @throws SyscallError ENOSYS where it has none or a filter hides it, EOPNOTSUPP where it was not enabled at boot
 */
export function landlockVersion(): number {
  return systemCall(
    'landlock_create_ruleset',
    CREATE_RULESET,
    CREATE,
    null,
    0,
    LANDLOCK_CREATE_RULESET_VERSION,
  );
}

/** Can rules of this version let files be renamed and linked between directories? */
export function allowsMoves(version: number): boolean {
  return version >= REFER_VERSION;
}

/** Rules about what may be executed: made now, in force from `enforce` on. */
export class ExecutionRules {
  readonly #version: number;
  readonly #ruleset: number;

  /**
   * Nothing may be executed.
   * @param version what landlockVersion says
   * @throws SyscallError
   */
  constructor(version: number) {
    this.#version = version;
    const moves = allowsMoves(version) ? LANDLOCK_ACCESS_FS_REFER : 0n;
    const attr = Buffer.alloc(8);
    attr.writeBigUInt64LE(LANDLOCK_ACCESS_FS_EXECUTE | moves);
    this.#ruleset = systemCall('landlock_create_ruleset', CREATE_RULESET, CREATE, attr, attr.length, 0);
    if (moves !== 0n) this.#add('the renaming of files below', '/', moves);
  }

  /**
   * But this file, or every file below this directory; links are followed.
   * @param path or an open descriptor, which may be an O_PATH one
   * @throws HoldfastError `SYSTEM`; ENOENT, EACCES where it is not there, or not to be reached
   */
  allow(path: string | number): void {
    this.#add('the execution of', path, LANDLOCK_ACCESS_FS_EXECUTE);
  }

  #add(what: string, path: string | number, access: bigint): void {
    let fd: number | undefined;
    try {
      fd = typeof path === 'number' ? path : openSync(path, O_PATH);
      // struct landlock_path_beneath_attr, packed
      const attr = Buffer.alloc(12);
      attr.writeBigUInt64LE(access);
      attr.writeInt32LE(fd, 8);
      const parameters = 'int ruleset, int type, const void *attr, unsigned int flags';
      systemCall(
        'landlock_add_rule',
        ADD_RULE,
        parameters,
        this.#ruleset,
        LANDLOCK_RULE_PATH_BENEATH,
        attr,
        0,
      );
    } catch (error) {
      throw systemError(`allow ${what}`, typeof path === 'number' ? `/proc/self/fd/${path}` : path, error);
    } finally {
      if (fd !== undefined && fd !== path) closeSync(fd);
    }
  }

  /**
   * Puts the rules in force for this thread; to be called on the main one, right before its execve(2), which ends all
   * others. Without CAP_SYS_ADMIN the kernel asks for no_new_privs first: set-id programs give nothing then (prctl(2)).
   * @throws SyscallError E2BIG where sixteen others are in force already
   */
  enforce(): void {
    const flags = this.#version >= 7 ? LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON : 0;
    const parameters = 'int ruleset, unsigned int flags';
    const restrict = () =>
      systemCall('landlock_restrict_self', RESTRICT_SELF, parameters, this.#ruleset, flags);
    try {
      restrict();
    } catch (error) {
      if (errnoOf(error) !== 'EPERM') throw error;
      call(PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      restrict();
    }
  }
}

const PRCTL = 'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)';
