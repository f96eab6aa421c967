/**
 * How much of the machine /proc shows us. A list of processes is worth something only together with what it cannot
 * hold: hidepid (proc(5); systemd's ProtectProc=), subset=pid (ProcSubset=pid), a PID namespace of our own.
 * Never guesses: what cannot be found out is said.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { parseStatus } from './stat.ts';

/** One reason why processes, or facts about them, may be missing. */
export interface VisibilityLimit {
  readonly kind: 'hidepid' | 'pid-namespace' | 'other-users' | 'unknown';
  /** For people: one clause, lower case. */
  readonly reason: string;
}

/** Mount options of a proc file system that bear on what it shows. */
export interface ProcMountOptions {
  /** 0 off; 1 noaccess: others' directories cannot be entered; 2 invisible; 4 ptraceable. */
  readonly hidepid: 0 | 1 | 2 | 4;
  /** Members of this group are exempt from 1 and 2: root's, if the mount names none (fs/proc/base.c, has_pid_permissions). */
  readonly gid: number;
  /** `subset=pid`: /proc/locks, /proc/stat and the like are not there. */
  readonly subset: boolean;
}

const HIDEPID: Readonly<Record<string, ProcMountOptions['hidepid']>> = {
  '0': 0,
  off: 0,
  '1': 1,
  noaccess: 1,
  '2': 2,
  invisible: 2,
  '4': 4,
  ptraceable: 4,
};

/**
 * The options of the proc file system mounted at `mountPoint`, from the text of /proc/self/mounts (fstab(5)'s format).
 * The last line wins: later mounts cover earlier ones. Undefined where there is none, or a value that we do not know.
 */
export function parseProcMount(mounts: string, mountPoint = '/proc'): ProcMountOptions | undefined {
  let options: string | undefined;
  for (const line of mounts.split('\n')) {
    const [, target, type, words] = line.split(' ');
    if (type === 'proc' && target === mountPoint) options = words;
  }
  if (options === undefined) return undefined;
  const values = new Map(options.split(',').map(word => splitOnce(word, '=')));
  const hidepid = HIDEPID[values.get('hidepid') ?? '0'];
  if (hidepid === undefined) return undefined;
  const gid = values.get('gid');
  return {
    hidepid,
    gid: gid !== undefined && /^\d+$/.test(gid) ? Number(gid) : 0,
    subset: values.get('subset') === 'pid',
  };
}

const CAP_SYS_PTRACE = 1n << 19n;

/** Inode of the machine's own PID namespace: PROC_PID_INIT_INO of include/linux/proc_ns.h. */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';

/** What limits our view of the processes of this machine; empty where all can be seen. */
export function visibilityLimits(proc = '/proc'): VisibilityLimit[] {
  const limits: VisibilityLimit[] = [];
  const hidden = hidepidLimit(proc);
  if (hidden !== undefined) limits.push(hidden);
  const namespace = pidNamespace(proc);
  if (namespace !== INITIAL_PID_NAMESPACE) {
    limits.push({
      kind: 'pid-namespace',
      reason:
        namespace === undefined
          ? 'it cannot be told whether processes run outside our PID namespace'
          : 'we are in a PID namespace of our own (a container): processes outside it cannot be seen',
    });
  }
  return limits;
}

function hidepidLimit(proc: string): VisibilityLimit | undefined {
  let options: ProcMountOptions | undefined;
  try {
    const capEff = parseStatus(readFileSync(`${proc}/self/status`, 'utf8'))?.capEff ?? 0n;
    if ((capEff & CAP_SYS_PTRACE) !== 0n) return undefined; // nothing is hidden from it
    options = parseProcMount(readFileSync(`${proc}/self/mounts`, 'utf8'), proc);
  } catch {
    options = undefined; // said as 'unknown' here
  }
  if (options === undefined) {
    return { kind: 'unknown', reason: `how ${proc} is mounted cannot be read: it may hide processes` };
  }
  if (options.hidepid === 0) return undefined;
  const groups = [...(process.getgroups?.() ?? []), process.getegid?.()];
  if (options.hidepid !== 4 && groups.includes(options.gid)) return undefined;
  const what = options.hidepid === 1 ? "closes other users' processes" : "hides other users' processes";
  return { kind: 'hidepid', reason: `${proc} is mounted with hidepid=${options.hidepid}, which ${what}` };
}

function pidNamespace(proc: string): string | undefined {
  try {
    return readlinkSync(`${proc}/self/ns/pid`);
  } catch {
    return undefined; // a kernel without PID namespaces, or a /proc that is not ours: the caller says so
  }
}

function splitOnce(word: string, separator: string): [string, string] {
  const at = word.indexOf(separator);
  return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
}
