/**
 * `holdfast guard`: for package managers. Before they unpack: may this installation be replaced now? After: what must be
 * restarted? Looks at the nodes of the whole machine, and never waits for anything.
 */

import { realpathSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { HoldfastError, quote, visible } from '../errors.ts';
import { locateLightningd } from '../lightning/installation/locate.ts';
import { findNodes, type LightningNode } from '../lightning/nodes/nodes.ts';
import { absolutePath } from '../linux/files/path.ts';
import { serviceOf } from '../linux/proc/cgroup.ts';
import { inodeKey } from '../linux/proc/image.ts';
import { recordAt } from '../snapshot/record/find-records.ts';
import { type Verdict, worst } from '../verdict.ts';
import type { Context } from './context.ts';
import { whyRestart } from './libraries/now.ts';
import { librariesOf } from './libraries/of-node.ts';
import { type NodeOrigin, originOf, rootOf } from './running/node-snapshot.ts';

/** What is asked. */
export interface GuardOptions {
  /** the lightningds of the installations, each a path or a name in PATH; none: `lightningd` in PATH */
  readonly lightningds: readonly string[];
  readonly after: boolean;
}

/** Where a node runs from, as far as the installation is concerned. */
export const RUNS_FROM = ['snapshot', 'installation', 'elsewhere', 'unknown'] as const;
export type RunsFrom = (typeof RUNS_FROM)[number];

/** A running node. */
export interface GuardedNode {
  readonly pid: number;
  readonly user: string;
  readonly lightningDir: string | null;
  readonly network: string | null;
  readonly runsFrom: RunsFrom;
  readonly program: string | null;
  /** its file was replaced or removed since it was started */
  readonly replaced: boolean;
  /** with `--after`: why its libraries are a reason to restart it now; null: they are none, or nothing is known of them */
  readonly libraries: string | null;
  /** what to do about it; null: nothing */
  readonly advice: string | null;
}

/** The shape of `guard --json`, described in docs/json.md. */
export interface GuardReport {
  /** ok: may be replaced now, or nothing must be restarted; finding: not so; unknown: it could not be determined */
  readonly verdict: Verdict;
  /** the lightningds that were asked about, links resolved; none: nothing is installed */
  readonly installations: readonly string[];
  readonly nodes: readonly GuardedNode[];
  readonly unknowns: readonly string[];
}

/** Looks. @throws HoldfastError `SYSTEM` where there is no /proc; `NOT_FOUND` of holdfast itself, `NOT_EXECUTABLE` */
export async function guard({ lightningds, after }: GuardOptions, context: Context): Promise<GuardReport> {
  const words = lightningds.length > 0 ? lightningds : ['lightningd'];
  const installations = words.flatMap(word => installationOf(word, context));
  if (installations.length === 0) return { verdict: 'ok', installations, nodes: [], unknowns: [] };
  const found = findNodes();
  const nodes: GuardedNode[] = [];
  for (const node of found.nodes) nodes.push(await judge(node, installations, after));
  const blind = found.limits
    .filter(({ kind }) => kind === 'hidepid' || kind === 'unknown')
    .map(({ reason }) => reason);
  const unknowns = [
    ...nodes
      .filter(({ runsFrom }) => runsFrom === 'unknown')
      .map(({ pid, user }) => `PID ${pid} of ${user} may not be looked into`),
    ...found.hidden.map(({ pidFile }) => `${pidFile} is locked by a process that cannot be seen`),
    ...blind,
  ];
  const breaks = nodes.some(({ runsFrom, replaced, libraries }) => {
    return libraries !== null || (runsFrom === 'installation' && (!after || replaced));
  });
  return {
    verdict: worst([breaks ? 'finding' : 'ok', unknowns.length > 0 ? 'unknown' : 'ok']),
    installations,
    nodes,
    unknowns,
  };
}

async function judge(
  node: LightningNode,
  installations: readonly string[],
  after: boolean,
): Promise<GuardedNode> {
  const origin = originOf(node);
  const runsFrom: RunsFrom =
    origin.path === undefined
      ? 'unknown'
      : origin.snapshot !== undefined
        ? 'snapshot'
        : installations.some(installation => isIn(installation, origin.path ?? '', node.process.pid))
          ? 'installation'
          : 'elsewhere';
  const libraries = after ? await libraryTrouble(node, origin) : null;
  const isDue = runsFrom === 'installation' || libraries !== null;
  return {
    pid: node.process.pid,
    user: node.user,
    lightningDir: node.lightningDir ?? null,
    network: node.network ?? null,
    runsFrom,
    program: origin.path ?? null,
    replaced: origin.replaced,
    libraries,
    advice: isDue ? adviceFor(node, after, origin.replaced || libraries !== null) : null,
  };
}

/**
 * Does this process execute what is installed there? Its path is that of its own mount namespace, where another directory
 * may have the same path (a container's own /usr/bin), or the same directory another one (a bind mount into a container).
 */
function isIn(installation: string, path: string, pid: number): boolean {
  const [its, ours] = [rootOf(pid) + path, installation].map(program => directoryOf(program));
  if (its === undefined || ours === undefined) return path === installation;
  return its === ours && basename(path) === basename(installation);
}

/** The directory that a program lies in, by device and inode; undefined where it is gone, or closed to us. */
function directoryOf(program: string): string | undefined {
  try {
    return inodeKey(statSync(dirname(program), { bigint: true }));
  } catch {
    return undefined;
  }
}

/** A node with held libraries has none. */
async function libraryTrouble(node: LightningNode, origin: NodeOrigin): Promise<string | null> {
  const record = origin.snapshot === undefined ? undefined : recordAt(origin.snapshot);
  const libraries = await librariesOf(node, origin, record);
  return (libraries && whyRestart(libraries)) ?? null;
}

function adviceFor({ process }: LightningNode, after: boolean, replaced: boolean): string | null {
  if (after && !replaced) return null;
  const service = serviceOf(process.pid);
  const user = service?.userManager === undefined ? '' : '--user ';
  const verb = after ? 'restart' : 'stop';
  if (service !== undefined) return `systemctl ${user}${verb} ${service.name}`;
  return after
    ? `stop PID ${process.pid} with lightning-cli stop, and start it again`
    : `stop PID ${process.pid} with lightning-cli stop, or start it with holdfast run first`;
}

/**
 * The lightningd that a word means. One that is not there is no failure: the package may be new to this machine, or gone
 * from it while a node still runs from its files. But it may also be mistyped, so this is said. A path is taken as it is:
 * after half an upgrade the file may well be no program.
 */
function installationOf(word: string, context: Context): string[] {
  const isSelf = (path: string): boolean => path === context.self;
  try {
    const found = locateLightningd(word, { PATH: context.environment.PATH }, context.cwd, isSelf);
    return [real(found)];
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.errno === undefined) throw error; // holdfast itself
    if (word.includes('/')) {
      if (error.code === 'NOT_FOUND')
        context.notice(`there is no ${quote(word)}: what is not installed may be replaced`);
      return [real(absolutePath(context.cwd, word))];
    }
    if (error.code !== 'NOT_FOUND') throw error;
    context.notice(
      `there is no ${visible(word)} in PATH; name it to ask about another: holdfast guard -- /opt/cln/bin/lightningd`,
    );
    return [];
  }
}

/** Links resolved, as /proc/PID/exe has them; what is gone already keeps its name. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
