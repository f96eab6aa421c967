/**
 * What bin/holdfast noted of the process before Node changed it, read from our own command line as the kernel has it
 * (process.argv is decoded, and loses bytes that are no UTF-8).
 *
 *     node --jitless cli.cjs holdfast-notes/3 NAME pid=42 closed=01 inherited=,3,4 blocked=0…0 ignored=0…0 lines=1 = WORD…
 *
 * Only for a launch; the commands that answer are started with their words alone. `ignored` is the shell's own, of which
 * SIGPIPE counts. The lines are od's: the environment, then its /proc/self/status and /proc/self/limits, in words of eight bytes. They
 * come as the variables HOLDFAST_NOTE_1 and so on: what a caller's environment holds is for nobody else to read, as a
 * command line is (proc_pid_cmdline(5), proc_pid_environ(5)).
 *
 * holdfast may be upgraded under a parent of --on-upgrade, whose children are of the new version then, and get the notes that
 * it has. So notes go by their names, what is missing is as if it did not differ, and lines stand among them where an older
 * holdfast has put them there.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { HoldfastError } from '../errors.ts';
import { isLittleEndian } from '../linux/byte-order.ts';
import { splitStrings } from '../linux/proc/read-proc.ts';

/** The process as its caller made it. */
export interface Inherited {
  /** the name that holdfast was started under */
  readonly invokedAs: string;
  /** holdfast's own words, byte for byte */
  readonly words: readonly Buffer[];
  /** the caller's environment: NAME=VALUE, each ended by a NUL, in his order; undefined: it is as Node has it */
  readonly environment: Buffer | undefined;
  /** which of 0, 1 and 2 were closed */
  readonly closed: readonly number[];
  /** the other descriptors that were open and not close-on-exec */
  readonly descriptors: readonly number[];
  /** bit n-1 for signal n, as in /proc/PID/status (proc_pid_status(5)) */
  readonly ignoredSignals: bigint;
  readonly blockedSignals: bigint;
  /** the soft RLIMIT_NOFILE; undefined: as it is */
  readonly nofileSoft: bigint | undefined;
}

const MARK = /^holdfast-notes\/\d+$/;
const END = Buffer.from('=');
const UNLIMITED = 2n ** 64n - 1n;
/** Its bit in a mask of signals. */
const SIGPIPE = 1n << 12n;

/**
 * Reads /proc/self/cmdline, and the variables that it counts.
 * @throws HoldfastError `UNSUPPORTED` where the notes are not what bin/holdfast writes
 */
export function parseInherited(cmdline: Buffer, variables: NodeJS.ProcessEnv): Inherited {
  const all = splitStrings(cmdline);
  const mark = all.findIndex(word => MARK.test(word.toString('latin1')));
  if (mark === -1) return withoutNotes(all);
  const end = all.findIndex((word, index) => index > mark && word.equals(END));
  const [name, ...words] = all.slice(mark + 1, Math.max(end, mark)).map(word => word.toString('latin1'));
  const { notes, lines } = readNotes(words, variables);
  const { environment, text } = parseDump(lines);
  const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(text)?.[1];
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(text)?.[1];
  if (!name || !ignored || !soft) {
    throw new HoldfastError('UNSUPPORTED', 'the environment could not be read from /proc by the program od', {
      hint: 'holdfast needs od of coreutils, and /proc mounted',
    });
  }
  checkProcess(notes.get('pid') ?? '');
  return {
    invokedAs: name,
    words: all.slice(end + 1),
    environment,
    closed: [...(notes.get('closed') ?? '')].map(Number),
    descriptors: (notes.get('inherited') ?? '').split(',').filter(Boolean).map(Number),
    ignoredSignals: (maskOf(ignored) & ~SIGPIPE) | (maskOf(notes.get('ignored')) & SIGPIPE),
    blockedSignals: maskOf(notes.get('blocked')),
    nofileSoft: soft === 'unlimited' ? UNLIMITED : BigInt(soft),
  };
}

/**
 * The shell became Node, and Node is to become lightningd: one process, which is what a supervisor waits for.
 * @param started of the shell; '' where another holdfast has started us
 */
function checkProcess(started: string): void {
  if (started === '') return;
  const ours = readlinkSync('/proc/self');
  if (ours === started) return;
  throw new HoldfastError(
    'UNSUPPORTED',
    `Node.js runs as process ${ours}, a child of what was started (${started}): lightningd would not be the process that was started`,
    {
      hint: 'HOLDFAST_NODE, or the node in PATH, is a wrapper: name Node.js itself, or let the wrapper exec it',
    },
  );
}

/** The notes by their names, and od's lines, which are among them or in variables. */
function readNotes(words: readonly string[], variables: NodeJS.ProcessEnv) {
  const notes = new Map<string, string>();
  const lines: string[] = [];
  for (const word of words) {
    const at = word.indexOf('=');
    if (at === -1) lines.push(word);
    else notes.set(word.slice(0, at), word.slice(at + 1));
  }
  const count = Number(notes.get('lines') ?? 0);
  for (let n = 1; n <= count; n++) lines.push(variables[`HOLDFAST_NOTE_${n}`] ?? '');
  return { notes, lines };
}

/** Hex digits, as /proc has a mask of signals; undefined: none. */
function maskOf(digits = '0'): bigint {
  return BigInt(`0x${digits}`);
}

/** `node cli.cjs WORD…`, for a command that becomes no other program: nothing is known, nothing is put back. */
function withoutNotes(all: readonly Buffer[]): Inherited {
  const script = all.findIndex(word => /\.c?js$/.test(word.toString('latin1')));
  return {
    invokedAs: 'holdfast',
    words: all.slice(script + 1),
    environment: undefined,
    closed: [],
    descriptors: [],
    ignoredSignals: 0n,
    blockedSignals: blockedNow(),
    nofileSoft: undefined,
  };
}

/** What the shell and Node left blocked of what the caller had: a command may start children (makeChildrenPossible). */
function blockedNow(): bigint {
  const mask = /^SigBlk:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return mask === undefined ? 0n : BigInt(`0x${mask}`);
}

/** od's lines back to bytes: the environment ends with the last NUL, the text of status and limits follows. */
function parseDump(lines: readonly string[]): { environment: Buffer; text: string } {
  const bytes = Buffer.from(lines.join('').replaceAll(' ', ''), 'hex');
  if (isLittleEndian && bytes.length % 8 === 0) bytes.swap64();
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--; // od fills the last word with zeros
  const text = bytes.lastIndexOf(0, end - 1) + 1;
  return { environment: bytes.subarray(0, text), text: bytes.toString('latin1', text, end) };
}
