/**
 * Parsers for /proc/PID/stat, /proc/PID/status and /proc/stat (proc_pid_stat(5), proc_pid_status(5), proc_stat(5)).
 * Pure. A text that is cut short or malformed gives undefined: the process went away while it was read.
 */

/** What /proc/PID/stat says of a process. */
export interface ProcStat {
  readonly pid: number;
  /** Name of the file it executes, cut to 15 bytes; the process may change it to any bytes (prctl(2) PR_SET_NAME). */
  readonly comm: string;
  /** One letter: R, S, D, Z, T, t, X, I … */
  readonly state: string;
  readonly ppid: number;
  /** PF_KTHREAD: a thread of the kernel's, which executes no file. */
  readonly kernelThread: boolean;
  readonly threads: number;
  /** Start time after boot in clock ticks: with the PID it names a process for as long as the machine runs. */
  readonly startTicks: bigint;
}

/** Ticks of /proc/PID/stat: USER_HZ, 100 on every architecture that Node runs on (time(7)). */
export const TICKS_PER_SECOND = 100;

const PF_KTHREAD = 0x00200000;

/** Reads /proc/PID/stat. `comm` may hold spaces, newlines and parentheses: it ends with the *last* `)`. */
export function parseStat(text: string): ProcStat | undefined {
  const open = text.indexOf(' (');
  const close = text.lastIndexOf(') ');
  if (open < 0 || close < open + 2) return undefined;
  const fields = text.slice(close + 2).split(' ', 20); // fields[0] is the third field, state; the last that we need is [19]
  const pid = number(text.slice(0, open));
  const state = fields[0] ?? '';
  const ppid = number(fields[1]);
  const flags = number(fields[6]);
  const threads = number(fields[17]);
  const start = fields[19] ?? '';
  if (pid === undefined || ppid === undefined || flags === undefined || threads === undefined)
    return undefined;
  if (!/^[A-Za-z]$/.test(state) || !/^\d+$/.test(start)) return undefined;
  return {
    pid,
    comm: text.slice(open + 2, close),
    state,
    ppid,
    kernelThread: Math.floor(flags / PF_KTHREAD) % 2 === 1,
    threads,
    startTicks: BigInt(start),
  };
}

/** What /proc/PID/status says that stat does not. */
export interface ProcStatus {
  readonly effectiveUid: number;
  /** Effective capabilities, as bits (capabilities(7)). */
  readonly capEff: bigint;
}

/** Reads /proc/PID/status. The kernel escapes newlines in `Name:`, so that lines can be trusted. */
export function parseStatus(text: string): ProcStatus | undefined {
  const effectiveUid = number(valuesOf(text, 'Uid')[1]); // real, effective, saved, file system
  if (effectiveUid === undefined) return undefined;
  const cap = valuesOf(text, 'CapEff')[0] ?? '';
  return {
    effectiveUid,
    capEff: /^[0-9a-f]+$/.test(cap) ? BigInt(`0x${cap}`) : 0n,
  };
}

/** Seconds since the epoch at which the machine booted: `btime` of /proc/stat. */
export function parseBootTime(text: string): number | undefined {
  return number(/^btime (\d+)$/m.exec(text)?.[1]);
}

function valuesOf(text: string, name: string): string[] {
  const before = `\n${name}:`; // never the first line, which is `Name:`
  const at = text.indexOf(before);
  if (at < 0) return [];
  const end = text.indexOf('\n', at + 1);
  return text
    .slice(at + before.length, end < 0 ? undefined : end)
    .trim()
    .split(/\s+/);
}

/** A non-negative decimal integer that JavaScript holds exactly, or undefined. */
function number(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
