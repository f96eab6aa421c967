/**
 * `holdfast verify`: are the snapshots what their manifests say; with `--running`, is what runs as well; with
 * `--proof`, is one file what a proof says. Never writes.
 */

import { lstatSync } from 'node:fs';
import { HoldfastError, quote, visible } from '../errors.ts';
import { findNodes, type Nodes } from '../lightning/nodes/nodes.ts';
import type { OnProgress } from '../snapshot/hash/hash-each.ts';
import { findByName, selectSnapshots } from '../snapshot/store/in-use.ts';
import { CURRENT_NAME, isSnapshotName, LIBRARIES_DIR } from '../snapshot/store/layout.ts';
import { type SnapshotReport, type Verified, verifySnapshot } from '../snapshot/verify/verify.ts';
import { type Verdict, worst } from '../verdict.ts';
import { checkProof, type ProofReport } from './check-proof.ts';
import type { Context } from './context.ts';
import { type NodeOptions, nodeDirectory } from './node-directory.ts';
import { inspectRunning, type RunningReport, snapshotsOf } from './running/nodes.ts';

/** What the operator asked for. */
export interface VerifyOptions extends NodeOptions {
  /** SNAPSHOT: as typed, and as a path; undefined: those that matter */
  readonly snapshot: { readonly word: string; readonly path: string } | undefined;
  readonly expectRoot: string | undefined;
  readonly running: boolean;
  readonly onProgress: OnProgress;
}

/** The shape of `verify --json`, described in docs/json.md. */
export interface VerifyResult {
  /** the worst of all below: a finding is certain, so it outweighs what is unknown */
  readonly verdict: Verdict;
  readonly snapshots: readonly SnapshotReport[];
  /** snapshots that could not be looked at */
  readonly unknowns: readonly { readonly path: string; readonly reason: string }[];
  /** with `--running` */
  readonly running: RunningReport | null;
  /** with `--proof` */
  readonly proof: ProofReport | null;
}

/** Verifies snapshots, and with `running` what is executed. @throws HoldfastError `NO_SNAPSHOT` where there is none */
export async function verify(options: VerifyOptions, context: Context): Promise<VerifyResult> {
  const found = options.running ? nodesOf(options, context) : undefined;
  const { paths, unknowns } = await choose(options, context, found);
  const verified: Verified[] = [];
  for (const path of paths) {
    try {
      const one = await verifySnapshot(path, options);
      tellFiles(one, context);
      verified.push(one);
    } catch (error) {
      if (options.snapshot !== undefined || !(error instanceof HoldfastError)) throw error;
      unknowns.push({ path, reason: error.message });
    }
  }
  const snapshots = verified.map(({ report }) => report);
  const known = verified.flatMap(({ report, manifest, pinned, libraries }) =>
    manifest === undefined ? [] : [{ snapshot: report.path, manifest, pinned, libraries }],
  );
  const running = found === undefined ? null : await inspectRunning(found, known);
  const verdict = worst([
    ...snapshots.map(report => report.verdict),
    unknowns.length > 0 ? 'unknown' : 'ok',
    running?.verdict ?? 'ok',
  ]);
  return { verdict, snapshots, unknowns, running, proof: null };
}

/** With --verbose, file by file: is it as it was taken? */
function tellFiles({ manifest, libraries, report }: Verified, context: Context): void {
  const entries = [
    ...(manifest?.files ?? []),
    ...(libraries?.libraries ?? []).map(({ name, sha256 }) => ({ path: `${LIBRARIES_DIR}/${name}`, sha256 })),
  ];
  const wrong = new Set(report.findings.map(({ path }) => path));
  const unknown = new Set(report.unknowns.map(({ path }) => path));
  for (const { path, sha256 } of entries) {
    const result = wrong.has(path) ? 'finding' : unknown.has(path) ? 'unknown' : 'ok';
    context.detail(`${visible(path)}: ${result}, SHA-256 ${sha256}`);
  }
}

/** Checks one file against a proof, without the snapshot. @throws HoldfastError see checkProof */
export async function verifyProof(
  file: string,
  proofFile: string,
  expectRoot: string,
): Promise<VerifyResult> {
  const proof = await checkProof(file, proofFile, expectRoot);
  const verdict: Verdict = proof.findings.length > 0 ? 'finding' : 'ok';
  return { verdict, snapshots: [], unknowns: [], running: null, proof };
}

/** The nodes of the lightning-dir; of one network, where that is named. */
function nodesOf(options: NodeOptions, context: Context): Nodes {
  const { lightningDir, network: wanted } = nodeDirectory(options, context, 'only --conf');
  const network = options.network === undefined ? undefined : wanted;
  const found = findNodes({ lightningDir });
  if (network === undefined) return found;
  const isWanted = (node: { readonly network: string | undefined }) =>
    node.network === undefined || node.network === network;
  return { ...found, nodes: found.nodes.filter(isWanted), hidden: found.hidden.filter(isWanted) };
}

function storeOf(options: NodeOptions, context: Context): string {
  return nodeDirectory(options, context, 'only --conf').store;
}

/** A path, or the name of a snapshot in the store. Whose store that is, is asked only for what may be such a name. */
function named(
  { word, path }: NonNullable<VerifyOptions['snapshot']>,
  options: NodeOptions,
  context: Context,
): string {
  if (word !== CURRENT_NAME && !isSnapshotName(word)) return path;
  const store = storeOf(options, context);
  const found = findByName(store, word) ?? (isThere(path) ? path : undefined);
  if (found !== undefined) return found;
  throw new HoldfastError('NO_SNAPSHOT', `there is no snapshot ${quote(word)} in ${quote(store)}`, {
    path: store,
    hint: 'holdfast status lists those of a store; another node: --lightning-dir=DIR',
  });
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true; // closed to us: verify says so
  }
}

/** How long a launch that works in the store is waited for: as long as one waits for another by default. */
const LOCK_MS = 30_000;

async function choose(options: VerifyOptions, context: Context, found: Nodes | undefined) {
  const unknowns: { path: string; reason: string }[] = [];
  if (options.snapshot !== undefined) {
    return { paths: [named(options.snapshot, options, context)], unknowns };
  }
  const store = storeOf(options, context);
  const paths = new Set(found === undefined ? [] : snapshotsOf(found.nodes));
  try {
    const selection = await selectSnapshots(store, {
      lockMs: LOCK_MS,
      lockWait: holder => context.notice(`a launch works in the store, ${holder}: waiting for it`),
    });
    for (const path of selection.paths) paths.add(path);
    if (selection.dangling !== undefined) {
      unknowns.push({ path: selection.dangling, reason: '`current` points there, and there is nothing' });
    }
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'NO_SNAPSHOT' || !options.running) throw error;
    // a node may run without a snapshot: what it runs is said all the same
  }
  if (paths.size === 0 && unknowns.length === 0 && !options.running) {
    throw new HoldfastError('NO_SNAPSHOT', `there is no snapshot in use in ${quote(store)}`, {
      path: store,
      hint: 'holdfast snapshot makes one; one that is not in use can be named: holdfast verify SNAPSHOT',
    });
  }
  return { paths, unknowns };
}
