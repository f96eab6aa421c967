/** What holdfast needs of the machine: Node.js, koffi, a shell and its tools, /proc, the kernel. Only looks. */
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { endianness, release } from 'node:os';
import { errnoWords, HoldfastError } from '../../errors.ts';
import { libc } from '../../linux/libc.ts';
import { readProcFile } from '../../linux/proc/read-proc.ts';
import { visibilityLimits } from '../../linux/proc/visibility.ts';
import { allowsMoves, landlockVersion } from '../../linux/process/landlock.ts';
import { findProgram, SYSTEMD_PATH } from '../adopt/programs.ts';
import type { Context } from '../context.ts';
import { type DoctorFinding, ok, problem, warning } from './report.ts';

/** The Node.js that runs this. */
export interface NodeFacts {
  /** its executable */
  readonly path: string;
  /** `v22.11.0` */
  readonly version: string;
  /** the options that it was started with */
  readonly options: readonly string[];
}

/** The newest line of Node.js that the tests were run with: bin/holdfast gives newer ones fewer options. */
const NEWEST_TRIED = 26;

/** Which Node.js, with which options; does a unit find one, too? */
export function checkNode(node: NodeFacts): DoctorFinding {
  const says = `Node.js ${node.version} at ${node.path}, started with ${node.options.join(' ')}`;
  if (Number(/^v(\d+)/.exec(node.version)?.[1]) > NEWEST_TRIED)
    return warning(`${says}; newer than any that holdfast was tried with`);
  if (findProgram('node', SYSTEMD_PATH) === undefined) {
    return warning(
      `${says}; a service of systemd finds no node in its PATH`,
      `holdfast adopt sets HOLDFAST_NODE=${node.path} in the unit; or link it: ln -s ${node.path} /usr/local/bin/node`,
    );
  }
  return ok(says);
}

/** The binding to the C library; in the loader's own words where it does not load. */
export function checkKoffi(): DoctorFinding {
  try {
    libc('int getpid(void)')();
    return ok('the binding to the C library loads and works');
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return problem([error.message, ...error.details].join('; '), ...error.hints);
  }
}

/** bin/holdfast is a shell script, and leans on two tools of coreutils. */
export function checkShell({ environment }: Context): DoctorFinding {
  const path = environment.PATH ?? SYSTEMD_PATH;
  const missing = ['readlink', 'od'].filter(name => findProgram(name, path) === undefined);
  if (missing.length > 0)
    return problem(`there is no ${missing.join(' and no ')} in PATH`, 'install coreutils');
  const { stdout } = spawnSync('od', ['-An', '-v', '-tx8', '-w16'], {
    input: Buffer.alloc(16, 1),
    encoding: 'utf8',
    env: environment,
  });
  const word = '01'.repeat(8);
  if (stdout?.trim() !== `${word} ${word}`)
    return problem('od does not know the options that bin/holdfast needs', 'install coreutils of GNU');
  return ok(`/bin/sh is ${realpathSync('/bin/sh')}, and readlink and od are there`);
}

/** Can we see processes? What cannot be seen may run from a snapshot. */
export function checkProc(): DoctorFinding {
  const limits = visibilityLimits();
  if (limits.length === 0) return ok('/proc is mounted, and every process can be seen');
  return warning(
    limits.map(({ reason }) => reason).join('; '),
    'a launch works all the same; status, guard and verify --running see more as root, outside of containers',
  );
}

/** Which kernel, and may an ordinary user link root's files? */
export function checkKernel({ uid }: Context): DoctorFinding {
  const says = `Linux ${release()}, ${process.arch}, ${endianness() === 'LE' ? 'little' : 'big'}-endian`;
  const isProtected = readProcFile('/proc/sys/fs/protected_hardlinks').toString().trim() === '1';
  return isProtected && uid !== 0
    ? ok(
        `${says}; protected_hardlinks: what belongs to another user is copied, or cloned where the file system can`,
      )
    : ok(says);
}

/** Is there Landlock, for --confine? */
export function checkLandlock(): DoctorFinding {
  try {
    const version = landlockVersion();
    if (allowsMoves(version)) return ok(`version ${version}: run --confine works`);
    return warning(
      `version ${version}: under --confine no file can be renamed into another directory`,
      'Linux 5.19 or newer has a Landlock that can allow it',
    );
  } catch (error) {
    return warning(
      `not to be had: ${errnoWords(error)}`,
      'only --confine needs it: Linux 5.13 or newer, where lsm= of the kernel command line does not leave it out',
    );
  }
}
