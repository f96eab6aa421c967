/**
 * The processes of this machine, read from /proc at a cost that is the same for each. Never drops a process silently:
 * what it may not look into is listed as such, and why the list may be incomplete is part of the result.
 * Zombies and kernel threads execute no file and are left out; so are processes that end while we read.
 */
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { errnoOf, HoldfastError } from '../../errors.ts';
import { type Exe, findImage, inodeKey, isGone, processIds, readExe } from './image.ts';
import { readProcFile, splitStrings } from './read-proc.ts';
import { parseBootTime, parseStat, parseStatus, TICKS_PER_SECOND } from './stat.ts';
import { type VisibilityLimit, visibilityLimits } from './visibility.ts';

/** A running process. */
export interface Process {
  readonly pid: number;
  readonly ppid: number;
  /** See ProcStat: what the executed file was called when it was executed, if the process did not change it. */
  readonly comm: string;
  readonly state: string;
  /** Clock ticks after boot; with the PID, the identity of a process. */
  readonly startTicks: bigint;
  /** Milliseconds since the epoch, exact to a second; undefined where /proc/stat is not to be had (ProcSubset=pid). */
  readonly startedAt: number | undefined;
  /** As the process was started, unless it wrote over it. Empty where it has wiped it. */
  readonly argv: readonly Buffer[];
  readonly exe: Exe;
}

/** A process of which only the PID and its owner can be known (hidepid=1). */
export interface ClosedProcess {
  readonly pid: number;
  /** Owner of /proc/PID: the effective uid, or 0 for a process that may not be dumped. */
  readonly uid: number;
}

/** What listProcesses found, and what it could not. */
export interface ProcessList {
  /** By PID, ascending. */
  readonly processes: readonly Process[];
  readonly closed: readonly ClosedProcess[];
  /** True where every process of the machine is listed, with what it executes. */
  readonly complete: boolean;
  /** Why not. */
  readonly limits: readonly VisibilityLimit[];
}

/** Lists the running processes. @throws HoldfastError `SYSTEM` where there is no /proc */
export function listProcesses(proc = '/proc'): ProcessList {
  const bootTime = readBootTime(proc);
  const processes: Process[] = [];
  const closed: ClosedProcess[] = [];
  for (const pid of processIds(proc).sort((a, b) => a - b)) {
    try {
      const found = readProcess(`${proc}/${pid}`, bootTime);
      if (found !== undefined) processes.push(found);
    } catch (error) {
      if (isGone(error)) continue;
      const stat = statSync(`${proc}/${pid}`, { throwIfNoEntry: false });
      if (stat !== undefined) closed.push({ pid, uid: stat.uid });
    }
  }
  const limits = visibilityLimits(proc);
  const unread = processes.filter(({ exe }) => exe.kind === 'unreadable').length + closed.length;
  if (unread > 0) {
    const reason =
      unread === 1
        ? "a process cannot be looked into: another user's, or a protected one"
        : `${unread} processes cannot be looked into: other users', or protected ones`;
    limits.push({ kind: 'other-users', reason });
  }
  return { processes, closed, complete: limits.length === 0, limits };
}

/** A file that is being executed. */
export interface ExecutedFile {
  readonly dev: bigint;
  /**
   * how it is called by those who execute it, as /proc/PID/exe has it, below the root of one who does (proc_pid_root(5)): so
   * it can be found from any mount namespace
   */
  readonly paths: Set<string>;
}

/** How often the list is read at most, where each time there is a process that was not in it before. */
const MOST_LISTINGS = 100;

/**
 * Which files are being executed, by `<device>:<inode>`: two calls for each process, nothing more. Whoever goes on as his own
 * child meanwhile is not missed: it is listed again until there is nobody new. Other users' processes that we may not look
 * into are not in it; listProcesses says which those are.
 * @throws HoldfastError `SYSTEM` where there is no /proc, or where processes come faster than they are listed
 */
export function executedFiles(proc = '/proc'): ReadonlyMap<string, ExecutedFile> {
  const files = new Map<string, ExecutedFile>();
  const seen = new Set<number>();
  const traceLimit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0; // an ordinary user gets EACCES for most: a stack trace would cost more than the call
  try {
    for (let n = 0; n < MOST_LISTINGS; n++) {
      const fresh = processIds(proc).filter(pid => !seen.has(pid));
      if (fresh.length === 0) return files;
      for (const pid of fresh) {
        seen.add(pid);
        addImage(`${proc}/${pid}`, files);
      }
    }
  } finally {
    Error.stackTraceLimit = traceLimit;
  }
  throw new HoldfastError('SYSTEM', 'processes come and go faster than they can be listed');
}

function addImage(directory: string, files: Map<string, ExecutedFile>): void {
  try {
    const image = findImage(directory);
    if (image === undefined) return;
    const key = inodeKey(image.stat);
    const file = files.get(key) ?? { dev: image.stat.dev, paths: new Set() };
    files.set(key, file);
    file.paths.add(`${directory}/root${readlinkSync(image.link)}`);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error; // else: gone, or not ours to look into
  }
}

/** Whether a process that was listed has ended, whoever has its PID now. */
export function hasEnded({ pid, startTicks }: Process, proc = '/proc'): boolean {
  try {
    const stat = parseStat(readFileSync(`${proc}/${pid}/stat`, 'utf8'));
    return stat?.startTicks !== startTicks || stat.state === 'Z' || stat.state === 'X';
  } catch (error) {
    return isGone(error);
  }
}

/** A listed process as it is by now: it may execute something else. @throws Node's error: ENOENT, ESRCH where it has ended */
export function readAgain(process: Process, proc = '/proc'): Process {
  const now = readProcess(`${proc}/${process.pid}`, undefined);
  return now?.startTicks === process.startTicks ? { ...now, startedAt: process.startedAt } : process;
}

/** All processes below `pid`: children, their children, and so on; by PID. */
export function descendantsOf(pid: number, processes: readonly Process[]): Process[] {
  const children = groupByParent(processes);
  const found: Process[] = [];
  const seen = new Set([pid]); // the list was not read at one moment: a PID used twice could close a circle
  const open = [pid];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const child of children.get(parent) ?? []) {
      if (seen.has(child.pid)) continue;
      seen.add(child.pid);
      found.push(child);
      open.push(child.pid);
    }
  }
  return found.sort((a, b) => a.pid - b.pid);
}

/** The effective uid of a process; undefined where it is gone, or /proc/PID is closed to us. */
export function effectiveUidOf(pid: number, proc = '/proc'): number | undefined {
  try {
    return parseStatus(readProcFile(`${proc}/${pid}/status`).toString('latin1'))?.effectiveUid;
  } catch {
    return undefined; // ENOENT, ESRCH, EACCES: as above
  }
}

/**
 * The working directory of a process, as a path in its own mount namespace.
 * @returns undefined where it may not be read, was deleted, or the process is gone
 */
export function workingDirectoryOf(pid: number, proc = '/proc'): string | undefined {
  const link = `${proc}/${pid}/cwd`;
  try {
    const path = readlinkSync(link);
    // A removed directory reads `x (deleted)`, and has no links left; one that is really called so has.
    return path.endsWith(' (deleted)') && statSync(link).nlink === 0 ? undefined : path;
  } catch {
    return undefined; // EACCES, ENOENT, ESRCH: all mean that it cannot be known
  }
}

/** True where the process sees the same mounts as we; undefined where that may not be read. */
export function sharesOurMounts(pid: number, proc = '/proc'): boolean | undefined {
  try {
    return readlinkSync(`${proc}/${pid}/ns/mnt`) === readlinkSync(`${proc}/self/ns/mnt`);
  } catch {
    return undefined; // as above
  }
}

/** @throws EACCES or EPERM where the directory is closed to us; ENOENT or ESRCH where the process is gone */
function readProcess(directory: string, bootTime: number | undefined): Process | undefined {
  const stat = parseStat(readFileSync(`${directory}/stat`, 'utf8'));
  if (stat === undefined || stat.kernelThread) return undefined;
  // A zombie with threads left is a process that runs: only its first thread has ended.
  if ((stat.state === 'Z' && stat.threads < 2) || stat.state === 'X') return undefined;
  const exe = readExe(directory);
  if (exe === undefined) return undefined;
  return {
    pid: stat.pid,
    ppid: stat.ppid,
    comm: stat.comm,
    state: stat.state,
    startTicks: stat.startTicks,
    startedAt:
      bootTime === undefined
        ? undefined
        : bootTime * 1000 + Number(stat.startTicks) * (1000 / TICKS_PER_SECOND),
    argv: splitStrings(readProcFile(`${directory}/cmdline`)),
    exe,
  };
}

function readBootTime(proc: string): number | undefined {
  try {
    return parseBootTime(readFileSync(`${proc}/stat`, 'utf8'));
  } catch {
    return undefined; // subset=pid: there is no /proc/stat; the start is then not known
  }
}

function groupByParent(processes: readonly Process[]): Map<number, Process[]> {
  const children = new Map<number, Process[]>();
  for (const process of processes) {
    const siblings = children.get(process.ppid);
    if (siblings === undefined) children.set(process.ppid, [process]);
    else siblings.push(process);
  }
  return children;
}
