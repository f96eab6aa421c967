/**
 * What the nodes execute right now: the very image of each process, by its digest, looked up in the manifests.
 * Only looks: at /proc, at images, at scripts; never signals, never writes.
 *
 * A script is recognised by the file that its interpreter was given, as that file is now; of an interpreter without a
 * script, the interpreter itself is what runs. Processes below a program of the operator's are his as well.
 */

import type { LightningNode, Nodes } from '../../lightning/nodes/nodes.ts';
import { operatorProgramsOf } from '../../lightning/nodes/operator-programs.ts';
import { inodeKey } from '../../linux/proc/image.ts';
import type { Process } from '../../linux/proc/processes.ts';
import { directoriesWithManifest } from '../../snapshot/store/enclosing.ts';
import { type Verdict, worst } from '../../verdict.ts';
import { mappedLibraries } from '../libraries/mapped.ts';
import { judge, type KnownManifest, type RunningProcess } from './judge-process.ts';
import { type Image, readImages } from './process-images.ts';

/** A node and all below it. */
export interface RunningNode {
  readonly pid: number;
  readonly user: string;
  readonly lightningDir: string | null;
  readonly network: string | null;
  /** the snapshot whose manifest has the running lightningd */
  readonly snapshot: string | null;
  readonly processes: readonly RunningProcess[];
}

/** What `verify --running` says. */
export interface RunningReport {
  readonly verdict: Verdict;
  readonly nodes: readonly RunningNode[];
  /** nodes that run and that we may not see, or not place */
  readonly unknowns: readonly { readonly pid: number | null; readonly reason: string }[];
  /** why the list of processes may not be complete */
  readonly limits: readonly string[];
}

/** Looks at all processes of these nodes; an image that several execute is hashed once. @throws HoldfastError */
export async function inspectRunning(found: Nodes, known: readonly KnownManifest[]): Promise<RunningReport> {
  const images = await readImages(found.nodes.flatMap(node => [node.process, ...node.descendants]));
  const nodes = found.nodes.flatMap(node => inspectNode(node, images, known) ?? []);
  const unknowns = [
    ...found.hidden.map(({ pid, pidFile }) => ({
      pid: pid ?? null,
      reason: `${pidFile} is locked by a process that cannot be seen`,
    })),
    ...found.unplaced.map(({ process }) => ({
      pid: process.pid,
      reason: 'a lightningd that may not be looked into: which lightning-dir it serves is not known',
    })),
    ...blindness(found, nodes),
  ];
  return {
    verdict: worst([
      ...nodes.flatMap(({ processes }) => processes.map(verdictOf)),
      unknowns.length > 0 ? 'unknown' : 'ok',
    ]),
    nodes,
    unknowns,
    limits: found.limits.map(({ reason }) => reason),
  };
}

function verdictOf({ origin, libraries }: RunningProcess): Verdict {
  if (origin === 'foreign' || (libraries?.astray.length ?? 0) > 0) return 'finding';
  return origin === 'unknown' ? 'unknown' : 'ok';
}

/** No node was seen, but one could be hidden: where others' processes are only closed, their names still tell. */
function blindness(found: Nodes, nodes: readonly RunningNode[]): RunningReport['unknowns'] {
  const limit = found.limits.find(({ kind }) => kind === 'hidepid' || kind === 'unknown');
  if (limit === undefined || nodes.length > 0) return [];
  return [{ pid: null, reason: `no node can be seen, and ${limit.reason}` }];
}

/** Undefined for a node that has ended meanwhile. */
function inspectNode(
  node: LightningNode,
  images: ReadonlyMap<number, Image>,
  known: readonly KnownManifest[],
): RunningNode | undefined {
  const own = images.get(node.process.pid);
  if (own === undefined) return undefined;
  const having = known.filter(
    ({ manifest }) => own.sha256 !== undefined && manifest.files.some(({ sha256 }) => sha256 === own.sha256),
  );
  // the snapshot that it was executed from, else any with its image: a node keeps to one version
  const mine =
    having.find(({ snapshot }) => own.program?.startsWith(`${snapshot}/`) === true) ?? having.at(0);
  const operators = operatorProgramsOf(node);
  const judged = new Map<number, RunningProcess>();
  // parents first: what an operator's plugin starts is the operator's
  for (const process of parentsFirst(node)) {
    const found = images.get(process.pid);
    if (found === undefined) continue; // ended meanwhile
    const manifests = mine === undefined ? known : [mine];
    const parent = judged.get(process.ppid);
    const image = underItsPin(found, process, manifests);
    const verdict = judge(process, image, manifests, parent, operators);
    judged.set(process.pid, { ...verdict, libraries: librariesOf(process, verdict, known) });
  }
  return {
    pid: node.process.pid,
    user: node.user,
    lightningDir: node.lightningDir ?? null,
    network: node.network ?? null,
    snapshot: mine?.snapshot ?? null,
    processes: [...judged.values()].sort((a, b) => a.pid - b.pid),
  };
}

/** Of a program of a snapshot: an interpreter's libraries are its own affair. */
function librariesOf(
  { exe }: Process,
  { pid, entry, program }: RunningProcess,
  known: readonly KnownManifest[],
) {
  const snapshot = known.find(each => each.snapshot === entry?.snapshot);
  if (snapshot === undefined || exe.kind !== 'file') return null;
  if (exe.path !== program && !snapshot.pinned.has(inodeKey(exe))) return null;
  return mappedLibraries(pid, snapshot.snapshot, snapshot.libraries, exe.path);
}

/** A pinned program was executed by its name in the snapshot; /proc/PID/exe has the one in the installation. */
function underItsPin(image: Image, { exe }: Process, known: readonly KnownManifest[]): Image {
  if (exe.kind !== 'file') return image;
  for (const { snapshot, pinned } of known) {
    const path = pinned.get(inodeKey(exe));
    if (path !== undefined) return { ...image, program: `${snapshot}/${path}`, deleted: false };
  }
  return image;
}

function parentsFirst({ process, descendants }: LightningNode): Process[] {
  const below = new Map<number, Process[]>();
  for (const child of descendants) below.set(child.ppid, [...(below.get(child.ppid) ?? []), child]);
  const ordered = [process];
  // the list grows while it is walked; descendantsOf has made sure that there is no circle
  for (const parent of ordered) ordered.push(...(below.get(parent.pid) ?? []));
  return ordered;
}

/** The snapshots that these nodes were executed from, as far as their paths tell. */
export function snapshotsOf(nodes: readonly LightningNode[]): string[] {
  return nodes.flatMap(({ process: { exe }, program, sharesOurMounts }) => {
    const path = program.kind === 'script' ? program.path : exe.kind === 'file' ? exe.path : undefined;
    return path === undefined || sharesOurMounts === false ? [] : directoriesWithManifest(path).slice(0, 1);
  });
}
