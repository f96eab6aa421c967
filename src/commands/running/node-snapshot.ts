/** Where a node runs from: a snapshot, or somewhere else. A hard link shares its inode with the installation, so the path decides. */
import { statSync } from 'node:fs';
import type { LightningNode } from '../../lightning/nodes/nodes.ts';
import { directoriesWithManifest } from '../../snapshot/store/enclosing.ts';
import { isSnapshotName } from '../../snapshot/store/layout.ts';

/** What a node's lightningd is. */
export interface NodeOrigin {
  /** the path of its lightningd, in its own mount namespace; undefined where that may not be known */
  readonly path: string | undefined;
  /** the snapshot it runs from; undefined: none that we can see */
  readonly snapshot: string | undefined;
  /** the path no longer leads to what runs: it was replaced or removed */
  readonly replaced: boolean;
}

/** Finds out where the node was executed from. */
export function originOf({ process, program, sharesOurMounts }: LightningNode): NodeOrigin {
  const { exe } = process;
  const argv0 = process.argv[0]?.toString();
  const named = argv0?.startsWith('/') === true ? argv0 : undefined;
  const path = program.kind === 'script' ? program.path : exe.kind === 'file' ? exe.path : named;
  if (path === undefined) return { path: undefined, snapshot: undefined, replaced: false };
  const seenBy =
    sharesOurMounts === false && !isSameFor(process.pid, path) ? rootOf(process.pid) + path : path;
  const [snapshot] = directoriesWithManifest(seenBy);
  const replaced = exe.kind === 'file' && exe.deleted && program.kind !== 'script';
  return { path, snapshot: snapshot ?? snapshotByName(path), replaced };
}

/** The root of a process, for paths in its mount namespace (proc_pid_root(5)). */
export function rootOf(pid: number): string {
  return `/proc/${pid}/root`;
}

/** Does this path lead to the same file for the process and for us? So it does for a unit with PrivateTmp=, say. */
function isSameFor(pid: number, path: string): boolean {
  const [its, ours] = [rootOf(pid) + path, path].map(name => {
    try {
      return statSync(name, { bigint: true });
    } catch {
      return undefined; // closed to us, or gone: then it is not known to be the same
    }
  });
  return its !== undefined && its.dev === ours?.dev && its.ino === ours.ino;
}

/** A snapshot that we may not enter, or that was wiped, still has its name. */
function snapshotByName(path: string): string | undefined {
  const components = path.split('/');
  const at = components.findIndex(component => isSnapshotName(component));
  return at === -1 ? undefined : components.slice(0, at + 1).join('/');
}
