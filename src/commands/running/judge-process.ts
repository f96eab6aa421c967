/**
 * Where a running image comes from: the manifest, the operator, or neither. Judges what was read before; reads nothing.
 */
import { basename, join } from 'node:path';
import { type OperatorPrograms, settingThatNames } from '../../lightning/nodes/operator-programs.ts';
import type { Process } from '../../linux/proc/processes.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import { makeProof, verifyProof } from '../../manifest/proof.ts';
import { sha256 } from '../../snapshot/hash/digest.ts';
import type { LibrariesDocument } from '../../snapshot/libraries/document.ts';
import type { MappedLibraries } from '../libraries/mapped.ts';
import type { Image } from './process-images.ts';

/** Where an image stands in a manifest: its entry, with the inclusion proof that was checked against the root. */
export interface RunningEntry {
  /** the snapshot whose manifest it is */
  readonly snapshot: string;
  readonly root: string;
  readonly path: string;
  readonly index: number;
  readonly treeSize: number;
}

/**
 * - `manifest`: its image is an entry of the manifest of the node's snapshot;
 * - `operator`: the configuration names it, or something that it names has started it;
 * - `foreign`: none of both: something runs that is in no manifest;
 * - `unknown`: it may not be read.
 */
export type Origin = 'manifest' | 'operator' | 'foreign' | 'unknown';

/** One process of a node. */
export interface RunningProcess {
  readonly pid: number;
  readonly ppid: number;
  /** the executed file, or the script; null where it may not be known */
  readonly program: string | null;
  readonly origin: Origin;
  readonly sha256: string | null;
  readonly entry: RunningEntry | null;
  /** why it is the operator's, foreign or unknown */
  readonly reason: string | null;
  /** what it has loaded, of a program of the snapshot; null: of another, or where that may not be read */
  readonly libraries: MappedLibraries | null;
}

/** A manifest that is valid, and the snapshot that it lies in. */
export interface KnownManifest {
  readonly snapshot: string;
  readonly manifest: Manifest;
  /** its pinned files: path in the snapshot by `<device>:<inode>` */
  readonly pinned: ReadonlyMap<string, string>;
  /** its held libraries; undefined: none, or they cannot be relied on */
  readonly libraries: LibrariesDocument | undefined;
}

/** bcli's and recklessrpc's own children, found in PATH (bitcoin/chainparams.c: `cli`; plugins/recklessrpc.c). */
const RUN_FROM_PATH = new Map([
  ['bcli', new Set(['bitcoin-cli', 'litecoin-cli', 'elements-cli'])],
  ['recklessrpc', new Set(['reckless'])],
]);

/**
 * Judges one process.
 * @param known the manifests that count: that of the node's snapshot
 * @param parent the process that started it, judged before; what an operator's program starts is his
 * @param operators undefined: what the configuration names is not known
 */
export function judge(
  { pid, ppid }: Process,
  image: Image,
  known: readonly KnownManifest[],
  parent: RunningProcess | undefined,
  operators: OperatorPrograms | undefined,
): RunningProcess {
  const { program, sha256: digest } = image;
  const about = { pid, ppid, program: program ?? null, sha256: digest ?? null, entry: null, libraries: null };
  if (digest === undefined)
    return { ...about, origin: 'unknown', reason: image.reason ?? 'it may not be read' };
  const entry = entryOf(digest, program, known);
  if (entry !== undefined) return { ...about, origin: 'manifest', entry, reason: null };
  const setting =
    program === undefined || operators === undefined ? undefined : settingThatNames(program, operators);
  if (setting !== undefined) return { ...about, origin: 'operator', reason: `named by ${setting}` };
  if (parent?.origin === 'operator') {
    return { ...about, origin: 'operator', reason: `started by ${parent.program}` };
  }
  const name = basename(program ?? '');
  if (parent?.entry != null && RUN_FROM_PATH.get(basename(parent.entry.path))?.has(name) === true) {
    return { ...about, origin: 'operator', reason: `${basename(parent.entry.path)} runs it from PATH` };
  }
  if (operators === undefined) {
    const reason = 'it is in no manifest, and what the configuration names is not known';
    return { ...about, origin: 'unknown', reason };
  }
  const replaced = image.deleted ? ', and its file was replaced or deleted' : '';
  return { ...about, origin: 'foreign', reason: `${image.reason ?? 'it is in no manifest'}${replaced}` };
}

/** The entry with this digest, and of several the one at the program's own path; its proof is checked on the way. */
function entryOf(
  digest: string,
  program: string | undefined,
  known: readonly KnownManifest[],
): RunningEntry | undefined {
  for (const { snapshot, manifest } of known) {
    const { files, root } = manifest;
    const at = files.findIndex(file => file.sha256 === digest && join(snapshot, file.path) === program);
    // inside the snapshot a path has its own content and no other's: swapped files are no match
    const elsewhere =
      program !== undefined && files.some(({ path }) => join(snapshot, path) === program)
        ? -1
        : files.findIndex(file => file.sha256 === digest);
    const index = at < 0 ? elsewhere : at;
    const file = files[index];
    if (file === undefined) continue;
    const proof = makeProof(manifest, file.path, sha256);
    if (!verifyProof(proof, root, sha256)) continue;
    return { snapshot, root, path: file.path, index, treeSize: files.length };
  }
  return undefined;
}
