/** `holdfast status`: what runs, from which snapshot; is a restart pending? Only looks. */

import { accessSync, constants, existsSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, HoldfastError, quote } from '../errors.ts';
import { orderOf } from '../lightning/installation/version-order.ts';
import { findNodes, type LightningNode } from '../lightning/nodes/nodes.ts';
import { operatorProgramsOf, settingThatNames } from '../lightning/nodes/operator-programs.ts';
import { inodeKey } from '../linux/proc/image.ts';
import { hasEnded } from '../linux/proc/processes.ts';
import { heldBytes } from '../snapshot/store/held-bytes.ts';
import { CURRENT_NAME, isSnapshotName, STORE_NAME } from '../snapshot/store/layout.ts';
import type { SnapshotRecord } from '../snapshot/store/record.ts';
import { type Verdict, worst } from '../verdict.ts';
import { type Allowed, readList } from './confinement-list.ts';
import type { Context } from './context.ts';
import type { InstalledNow } from './installed/compare.ts';
import { type Look, lookOnce } from './installed/look-once.ts';
import { type PlacedNow, placedNow } from './installed/placed-files.ts';
import { type LibrariesNow, whyRestart } from './libraries/now.ts';
import { librariesOf } from './libraries/of-node.ts';
import { type NodeOptions, nodeDirectory } from './node-directory.ts';
import { originOf, rootOf } from './running/node-snapshot.ts';

/** A running node. */
export interface NodeStatus {
  readonly pid: number;
  readonly user: string;
  readonly network: string | null;
  readonly lightningDir: string | null;
  /** ISO 8601, exact to a second */
  readonly since: string | null;
  /** lightningd as executed */
  readonly program: string | null;
  /** null: it runs from no snapshot */
  readonly snapshot: string | null;
  readonly version: string | null;
  readonly root: string | null;
  /** null: it could not be determined */
  readonly restartPending: boolean | null;
  /** why a restart is pending, or why that is not known; null where neither */
  readonly reason: string | null;
  /** entries that differ between its snapshot and what is installed */
  readonly changed: readonly string[];
  /** files of its snapshot that were overwritten in place */
  readonly overwritten: readonly string[];
  /** with `--method=pin`: the files that are its open descriptors; null: it has none */
  readonly pinned: PlacedNow['pinned'];
  /** subdaemons of it that run from another place than its snapshot */
  readonly elsewhere: readonly { readonly pid: number; readonly program: string }[];
  /** with `--confine`: what it may execute; null: it is not confined by holdfast, or has re-executed itself since */
  readonly confined: readonly Allowed[] | null;
  /** configured plugins and subdaemons that run from where they are */
  readonly outside: readonly string[];
  /** what has become of the libraries that it needs; null: it may not be looked into */
  readonly libraries: LibrariesNow | null;
}

/** A snapshot in the store. */
export interface StoredSnapshot {
  readonly path: string;
  readonly version: string | null;
  readonly root: string | null;
  readonly current: boolean;
}

/** The shape of `status --json`, described in docs/json.md. */
export interface StatusReport {
  readonly verdict: Verdict;
  readonly nodes: readonly NodeStatus[];
  /** nodes that run and cannot be looked into */
  readonly unknowns: readonly { readonly pid: number | null; readonly reason: string }[];
  /** the installation that the current snapshot was taken from, as it is now; null: there is no snapshot */
  readonly installed: InstalledNow | null;
  readonly store: string;
  readonly snapshots: readonly StoredSnapshot[];
  /** bytes that would be free again without the snapshots */
  readonly heldBytes: number;
  /** why not every process could be seen */
  readonly limits: readonly string[];
}

/** Looks at the nodes of a lightning-dir, its store and the installation. @throws HoldfastError `CONFIG`, `SYSTEM` */
export async function status(options: NodeOptions, context: Context): Promise<StatusReport> {
  const { lightningDir, network, pidFile, store } = nodeDirectory(options, context, 'configuration');
  const found = findNodes({ lightningDir, pidFiles: [{ path: pidFile, network }] });
  const look = lookOnce(context.uid);
  const wanted = found.nodes.filter(
    node => options.network === undefined || node.network === options.network,
  );
  const nodes: NodeStatus[] = [];
  for (const node of wanted) {
    const seen = await statusOf(node, look);
    // one that ended while we looked runs no more, and a launch may have wiped its snapshot: that is no damage
    if (!hasEnded(node.process)) nodes.push(seen);
  }
  if (nodes.length === 0) refuseMissing(lightningDir, options);
  const snapshots = snapshotsOf(store, look);
  const current = snapshots.find(snapshot => snapshot.current);
  const unknowns = [
    ...found.hidden.map(({ pid, pidFile: path }) => ({
      pid: pid ?? null,
      reason: `${path} is locked by a process that cannot be seen`,
    })),
    ...found.unplaced.map(({ process }) => ({
      pid: process.pid,
      reason: 'a lightningd of which the lightning-dir is not known',
    })),
  ];
  const installed = current === undefined ? null : ((await look.comparison(current.path))?.installed ?? null);
  return {
    verdict: worst([
      ...nodes.map(verdictOf),
      unknowns.length > 0 ? 'unknown' : 'ok',
      installed?.altered.some(({ throughLink }) => throughLink) === true ? 'finding' : 'ok',
    ]),
    nodes,
    unknowns,
    installed,
    store: current === undefined ? store : dirname(current.path), // a fallback, where `current` leads to one
    snapshots,
    heldBytes: heldBytes(snapshots.map(({ path }) => path)),
    limits: [...found.limits.map(({ reason }) => reason), ...whyNotSeen(lightningDir), ...whyNotSeen(store)],
  };
}

/** A lightning-dir that was named and is not there: nobody can say what runs in it. @throws HoldfastError `SYSTEM` */
function refuseMissing(lightningDir: string, named: NodeOptions): void {
  if (named.lightningDir === undefined && named.conf === undefined) return;
  try {
    statSync(lightningDir);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') return; // closed to us: whyNotSeen says so
    throw new HoldfastError('SYSTEM', `there is no lightning-dir ${quote(lightningDir)}`, {
      path: lightningDir,
      errno: errnoOf(error),
      hint: 'name the directory that the node was started with; holdfast status without it looks at ~/.lightning',
    });
  }
}

function verdictOf({ restartPending, overwritten, pinned, elsewhere }: NodeStatus): Verdict {
  if (restartPending === true || overwritten.length > 0 || elsewhere.length > 0) return 'finding';
  if ((pinned?.gone ?? 0) > 0) return 'finding';
  return restartPending === null || (pinned?.unknown ?? 0) > 0 ? 'unknown' : 'ok';
}

async function statusOf(node: LightningNode, look: Look): Promise<NodeStatus> {
  const { process, user, network, lightningDir } = node;
  const origin = originOf(node);
  const record = origin.snapshot === undefined ? undefined : look.record(origin.snapshot);
  const comparison = origin.snapshot === undefined ? undefined : await look.comparison(origin.snapshot);
  const now = comparison?.installed;
  const outside = operatorProgramsOf(node);
  const libraries = await librariesOf(node, origin, record);
  const judged = withLibraries(judge(origin, record?.root, record?.version, now), libraries);
  return {
    pid: process.pid,
    user,
    network: network ?? null,
    lightningDir: lightningDir ?? null,
    since:
      process.startedAt === undefined ? null : `${new Date(process.startedAt).toISOString().slice(0, 19)}Z`,
    program: origin.path ?? null,
    snapshot: origin.snapshot ?? null,
    version: record?.version ?? null,
    root: record?.root ?? null,
    ...judged,
    changed: now?.changed ?? [],
    ...(origin.snapshot === undefined || record === undefined || comparison?.intact === true
      ? { overwritten: [], pinned: null } // a snapshot with pinned files is never proven
      : await placedNow(origin.snapshot, record, process.pid)),
    confined: readList(process.pid) ?? null,
    elsewhere: subdaemonsElsewhere(node, origin.snapshot, record).filter(
      ({ program }) => outside === undefined || settingThatNames(program, outside) === undefined,
    ),
    outside:
      outside === undefined ? [] : [...outside.files.keys(), ...outside.directories.keys()].filter(isThere),
    libraries,
  };
}

/** What is said of a restart where the libraries give a reason of their own. */
function withLibraries(judged: ReturnType<typeof judge>, libraries: LibrariesNow | null) {
  const reason = libraries === null ? undefined : whyRestart(libraries);
  return reason === undefined || judged.restartPending === true ? judged : { restartPending: true, reason };
}

function judge(
  { snapshot, replaced, path }: ReturnType<typeof originOf>,
  root: string | undefined,
  version: string | undefined,
  now: InstalledNow | undefined,
): { restartPending: boolean | null; reason: string | null } {
  if (path === undefined) return { restartPending: null, reason: 'it may not be looked into' };
  if (snapshot === undefined) {
    return replaced
      ? { restartPending: true, reason: 'it runs from no snapshot, and its file was replaced' }
      : { restartPending: false, reason: 'it runs from no snapshot: an upgrade would break it' };
  }
  if (root === undefined || now === undefined)
    return { restartPending: null, reason: 'its snapshot has no readable record' };
  if (now.root === null) return { restartPending: null, reason: now.reason };
  if (now.root === root) return { restartPending: false, reason: null };
  return { restartPending: true, reason: `installed is ${versusRunning(now.version, version)}` };
}

/** What is installed, as against what runs. */
function versusRunning(installed: string | null, running: string | undefined): string {
  if (installed === running) return `other files of ${running}`;
  if (installed === null || running === undefined) return `another version, not ${running}`;
  return orderOf(installed, running) === 'older'
    ? `${installed}, older than ${running}: it may refuse the node's database`
    : `${installed}, not ${running}`;
}

function subdaemonsElsewhere(
  { process, descendants }: LightningNode,
  snapshot: string | undefined,
  record: SnapshotRecord | undefined,
): NodeStatus['elsewhere'] {
  if (snapshot === undefined) return [];
  // the paths of processes are those of their own mount namespace
  const root = rootOf(process.pid);
  const own = snapshot.startsWith(`${root}/`) ? snapshot.slice(root.length) : snapshot;
  // what is pinned runs under its name in the installation: device and inode tell
  const pinned = new Set(
    record?.files
      .filter(({ placement }) => placement === 'pin')
      .map(({ placedIs }) => placedIs.split(':', 2).join(':')),
  );
  return descendants.flatMap(({ pid, exe, comm }) => {
    if (exe.kind !== 'file' || !comm.startsWith('lightning_')) return [];
    if (pinned.has(inodeKey(exe))) return [];
    return exe.path.startsWith(`${own}/`) ? [] : [{ pid, program: exe.path }];
  });
}

/** lightningd's own plugin directory counts as configured, whether it is there or not. */
function isThere(path: string): boolean {
  return existsSync(path);
}

/** The snapshots of the store, and of the one that its `current` leads to. */
function snapshotsOf(store: string, look: Look): StoredSnapshot[] {
  const link = join(store, CURRENT_NAME);
  const current = existsSync(link) ? realpathSync(link) : undefined;
  const stores = new Set([store, ...(current === undefined ? [] : [dirname(current)])]);
  const paths = new Set<string>();
  for (const directory of stores) {
    for (const name of namesIn(directory)) {
      const path = join(directory, name);
      if (isSnapshotName(name) && lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
        paths.add(realpathSync(path));
    }
  }
  return [...paths].map(path => {
    const record = look.record(path);
    return { path, version: record?.version ?? null, root: record?.root ?? null, current: path === current };
  });
}

/** What is there but closed to us holds what we do not see; a lightning-dir that is not there may be mistyped. */
function whyNotSeen(directory: string): string[] {
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
    return [];
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT') return [`what ${quote(directory)} holds cannot be seen (${errno})`];
    return basename(directory) === STORE_NAME ? [] : [`there is no ${quote(directory)}`];
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return []; // there is no store, or it is closed to us: nothing is held in it that we know of
  }
}
