/**
 * The Core Lightning nodes that run on this machine. Only looks: at /proc and at PID files; never signals, never writes.
 * Two witnesses, either is enough: the name of a process (node-process.ts), and the POSIX lock on
 * `<lightning-dir>/lightningd-<network>.pid` (lightningd.c, pidfile_create): who holds it is the node, whatever it is called.
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { readUsers } from '../../linux/passwd.ts';
import { inodeKey, readExe } from '../../linux/proc/image.ts';
import {
  descendantsOf,
  effectiveUidOf,
  hasEnded,
  listProcesses,
  type Process,
  type ProcessList,
  sharesOurMounts,
} from '../../linux/proc/processes.ts';
import { type Program, programOf } from '../../linux/proc/program.ts';
import type { VisibilityLimit } from '../../linux/proc/visibility.ts';
import { type NodePlace, placeByDirectory, placeOfNode } from './node-place.ts';
import { type Candidate, isMain, lightningdProgram } from './node-process.ts';
import { lockedPidFiles, type PidFile, pidFilesIn } from './pid-files.ts';

/** A running lightningd and all that it started. */
export interface LightningNode {
  readonly process: Process;
  /** Its effective uid. */
  readonly uid: number;
  /** Name of its effective user, or the number where it has none here. */
  readonly user: string;
  /** Its lightning-dir as an absolute path in its own mount namespace; undefined where that may not be known. */
  readonly lightningDir: string | undefined;
  readonly network: string | undefined;
  /** The PID file that it holds locked, if that was found. */
  readonly pidFile: string | undefined;
  readonly program: Program;
  /** False for a node in a container: paths of it mean other files to us. Undefined where that may not be known. */
  readonly sharesOurMounts: boolean | undefined;
  /** Subdaemons, plugins, and what those started; by PID. */
  readonly descendants: readonly Process[];
}

/** A node that must be running, since its PID file is locked, but that we cannot see. */
export interface HiddenNode {
  /** Undefined for a process of a PID namespace that is not ours, or of another machine. */
  readonly pid: number | undefined;
  readonly pidFile: string;
  readonly network: string | undefined;
  /** Name of the PID file's owner. */
  readonly user: string;
}

/** What findNodes found. */
export interface Nodes {
  /** By PID. */
  readonly nodes: readonly LightningNode[];
  /** With a lightning-dir asked for: nodes of which it cannot be told whether they belong to it. */
  readonly unplaced: readonly LightningNode[];
  readonly hidden: readonly HiddenNode[];
  readonly limits: readonly VisibilityLimit[];
}

/** What to look for. */
export interface NodeSearch {
  /** Only the nodes of this lightning-dir, of all its networks. */
  readonly lightningDir?: string | undefined;
  /** PID files elsewhere, as `pid-file=` names them. */
  readonly pidFiles?: readonly PidFile[] | undefined;
  readonly proc?: string | undefined;
}

interface Placed extends Candidate {
  readonly uid: number;
  readonly place: NodePlace | undefined;
}

/** How often we look at most, where a node has come up, or gone, between one look at the machine and the next. */
const MOST_LOOKS = 4;

/** Finds the nodes of a lightning-dir, or of the whole machine. @throws HoldfastError `SYSTEM` where there is no /proc */
export function findNodes(search: NodeSearch = {}): Nodes {
  for (let looks = 1; ; looks++) {
    const { outdated, ...nodes } = look(search);
    if (!outdated || looks === MOST_LOOKS) return nodes;
  }
}

/**
 * `outdated`: a PID file is locked by a process that was not there, or was another program, when processes were listed; or one
 * cannot be placed, as while it begins (execve(2)) or ends it has no arguments and no directory.
 */
function look(search: NodeSearch): Nodes & { readonly outdated: boolean } {
  const proc = search.proc ?? '/proc';
  const list = listProcesses(proc);
  const users = readUsers();
  const userName = (uid: number) => users.get(uid)?.name ?? String(uid);
  const candidates = candidatesByName(list.processes, users, proc);
  const { pidFiles, hidden, outdated } = addHolders(candidates, list, search, proc);
  const mains = [...candidates.values()]
    .filter(candidate => pidFiles.has(candidate.process.pid) || isMain(candidate, candidates, list.processes))
    .sort((a, b) => a.process.pid - b.process.pid);
  const { nodes, unplaced } = divide(mains, pidFiles, search.lightningDir);
  const there = unplaced.filter(({ process }) => !hasEnded(process, proc));
  const describe = ({ process, uid, program, place }: Placed): LightningNode => ({
    process,
    uid,
    user: userName(uid),
    lightningDir: place?.lightningDir,
    network: pidFiles.get(process.pid)?.network ?? place?.network,
    pidFile: pidFiles.get(process.pid)?.path,
    program,
    sharesOurMounts: sharesOurMounts(process.pid, proc),
    descendants: descendantsOf(process.pid, list.processes),
  });
  return {
    nodes: nodes.map(describe),
    unplaced: there.map(describe),
    hidden: hidden.map(({ uid, ...node }) => ({ ...node, user: userName(uid) })),
    limits: list.limits,
    outdated: outdated || there.length > 0,
  };
}

/** The processes that are called lightningd. */
function candidatesByName(
  processes: readonly Process[],
  users: ReturnType<typeof readUsers>,
  proc: string,
): Map<number, Placed> {
  const candidates = new Map<number, Placed>();
  for (const process of processes) {
    const program = lightningdProgram(process, proc);
    const uid = program && effectiveUidOf(process.pid, proc);
    if (program === undefined || uid === undefined) continue;
    const place = placeOfNode(process, program, users.get(uid)?.home, proc);
    candidates.set(process.pid, { process, uid, program, place });
  }
  return candidates;
}

/** Adds those that hold a PID file, whatever they are called. */
function addHolders(
  candidates: Map<number, Placed>,
  list: ProcessList,
  { lightningDir, pidFiles: elsewhere = [] }: NodeSearch,
  proc: string,
) {
  const byPid = new Map(list.processes.map(process => [process.pid, process]));
  const known = [...candidates.values()].flatMap(({ place }) => place?.lightningDir ?? []);
  const own = (lightningDir === undefined ? [...new Set(known)] : [lightningDir]).flatMap(pidFilesIn);
  const pidFiles = new Map<number, PidFile>();
  const hidden: (Omit<HiddenNode, 'user'> & { readonly uid: number })[] = [];
  let outdated = false;
  const likely = [...candidates.values()].map(({ process: { pid }, place }) => ({
    pid,
    lightningDir: place?.lightningDir,
  }));
  for (const { file, pid, uid } of lockedPidFiles([...own, ...elsewhere], likely, proc)) {
    const process = pid === undefined ? undefined : byPid.get(pid);
    if (process === undefined) {
      outdated ||= pid !== undefined && canSee(list, pid);
      hidden.push({ pid, pidFile: file.path, network: file.network, uid });
      continue;
    }
    pidFiles.set(process.pid, file);
    if (candidates.get(process.pid)?.place !== undefined) continue;
    outdated ||= executesAnother(process, proc);
    const nodeUid = effectiveUidOf(process.pid, proc);
    if (nodeUid === undefined) continue;
    // Its arguments are read only under lightningd's name: another program's say nothing.
    const place =
      placeByDirectory(process.pid, proc) ?? (own.includes(file) ? placeByPidFile(file) : undefined);
    candidates.set(process.pid, { process, uid: nodeUid, program: programOf(process, proc), place });
  }
  return { pidFiles, hidden, outdated };
}

/** Those of the lightning-dir, or all; and those of which that cannot be told. */
function divide(
  mains: readonly Placed[],
  pidFiles: ReadonlyMap<number, PidFile>,
  lightningDir: string | undefined,
): { readonly nodes: readonly Placed[]; readonly unplaced: readonly Placed[] } {
  const wanted = lightningDir === undefined ? undefined : directoryKey(lightningDir);
  const nodes: Placed[] = [];
  const unplaced: Placed[] = [];
  for (const main of mains) {
    const { place, process } = main;
    if (lightningDir === undefined || pidFiles.has(process.pid)) nodes.push(main);
    else if (place === undefined) unplaced.push(main);
    else if (sameDirectory(place, lightningDir, wanted)) nodes.push(main);
  }
  return { nodes, unplaced };
}

/** Would a process of this number be listed? Then one that was not is new, or has ended since. */
function canSee({ closed, limits }: ProcessList, pid: number): boolean {
  return limits.every(({ kind }) => kind === 'other-users') && !closed.some(process => process.pid === pid);
}

/** Has it become another program since it was listed, as a launcher becomes its node? */
function executesAnother({ pid, exe }: Process, proc: string): boolean {
  const now = readExe(`${proc}/${pid}`);
  return exe.kind === 'file' && now?.kind === 'file' && inodeKey(now) !== inodeKey(exe);
}

/** A PID file in a lightning-dir is for a network of that lightning-dir. */
function placeByPidFile({ path, network }: PidFile): NodePlace | undefined {
  const lightningDir = dirname(path);
  return network === undefined ? undefined : { lightningDir, network, key: directoryKey(lightningDir) };
}

/** Device and inode decide: in a container the same path is another directory, and another path may be the same. */
function sameDirectory(place: NodePlace, path: string, key: string | undefined): boolean {
  return place.key !== undefined && key !== undefined ? place.key === key : place.lightningDir === path;
}

function directoryKey(path: string): string | undefined {
  try {
    return inodeKey(statSync(path, { bigint: true }));
  } catch {
    return undefined; // not there, or closed to us: then equal paths have to do
  }
}
