/** `holdfast status`: what runs, from which snapshot; is a restart pending? Only looks. */

import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoOf, HoldfastError, quote } from '../errors.ts';
import { findNodes, type LightningNode } from '../lightning/nodes/nodes.ts';
import { operatorProgramsOf, settingThatNames } from '../lightning/nodes/operator-programs.ts';
import { hasEnded } from '../linux/proc/processes.ts';
import { heldBytes } from '../snapshot/store/held-bytes.ts';
import { STORE_NAME } from '../snapshot/store/layout.ts';
import { type Verdict, worst } from '../verdict.ts';
import { type Allowed, readList } from './confinement-list.ts';
import type { Context } from './context.ts';
import type { InstalledNow } from './installed/compare.ts';
import { type Look, lookOnce } from './installed/look-once.ts';
import { type PlacedNow, placedNow } from './installed/placed-files.ts';
import { type StoredSnapshot, snapshotsOf } from './installed/stored-snapshots.ts';
import type { LibrariesNow } from './libraries/now.ts';
import { librariesOf } from './libraries/of-node.ts';
import { type NodeOptions, nodeDirectory } from './node-directory.ts';
import { type Elsewhere, subdaemonsElsewhere } from './running/elsewhere.ts';
import { originOf } from './running/node-snapshot.ts';
import { type Restart, restartOf } from './running/restart.ts';

/** A running node. */
export interface NodeStatus extends Restart {
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
  /** entries that differ between its snapshot and what is installed */
  readonly changed: readonly string[];
  /** files of its snapshot that were overwritten in place */
  readonly overwritten: readonly string[];
  /** with `--method=pin`: the files that are its open descriptors; null: it has none */
  readonly pinned: PlacedNow['pinned'];
  /** subdaemons of it that run from another place than its snapshot */
  readonly elsewhere: readonly Elsewhere[];
  /** with `--confine`: what it may execute; null: it is not confined by holdfast, or has re-executed itself since */
  readonly confined: readonly Allowed[] | null;
  /** configured plugins and subdaemons that run from where they are */
  readonly outside: readonly string[];
  /** what has become of the libraries that it needs; null: it may not be looked into */
  readonly libraries: LibrariesNow | null;
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
  let errno: string | undefined = 'ENOTDIR';
  try {
    if (statSync(lightningDir).isDirectory()) return;
  } catch (error) {
    errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') return; // closed to us: whyNotSeen says so
  }
  throw new HoldfastError('SYSTEM', `there is no lightning-dir ${quote(lightningDir)}`, {
    path: lightningDir,
    errno,
    hint: 'name the directory that the node was started with; holdfast status without it looks at ~/.lightning',
  });
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
    ...restartOf(origin, record, now, libraries),
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

/** lightningd's own plugin directory counts as configured, whether it is there or not. */
function isThere(path: string): boolean {
  return existsSync(path);
}

/** What is there but closed to us holds what we do not see; a lightning-dir that is not there may be mistyped. */
function whyNotSeen(directory: string): string[] {
  try {
    if (!statSync(directory).isDirectory()) return [`${quote(directory)} is no directory`];
    accessSync(directory, constants.R_OK | constants.X_OK);
    return [];
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT') return [`what ${quote(directory)} holds cannot be seen (${errno})`];
    return basename(directory) === STORE_NAME ? [] : [`there is no ${quote(directory)}`];
  }
}
