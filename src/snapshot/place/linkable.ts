/** Which files may be hard-linked into a store: those that share an owner with it, and that nobody else has a hand in. Only looks. */
import { type BigIntStats, lstatSync } from 'node:fs';
import type { Directory } from '../../linux/files/directory.ts';

/** Who owns a store, and who owns the directory that it is in. */
export interface Owners {
  readonly store: bigint;
  readonly parent: bigint;
}

/** The owners of an open store, and of the directory that it is in. @throws HoldfastError `SYSTEM` */
export function ownersOf(store: Directory): Owners {
  return { store: store.stat().uid, parent: uidAt(store, '..') };
}

/** The owners, seen from a snapshot of the store. @throws HoldfastError `SYSTEM` */
export function ownersAbove(snapshot: Directory): Owners {
  return { store: uidAt(snapshot, '..'), parent: uidAt(snapshot, '../..') };
}

function uidAt(directory: Directory, name: string): bigint {
  return directory.attempt('look at', name, path => lstatSync(path, { bigint: true })).uid;
}

/**
 * Why a source is copied though it could be linked. A link shares owner, mode and set-id with it; and a data directory
 * is given to its user by `chown -R` sooner or later, which would give him the installation through the links.
 */
export function whyNeverLinked(stat: BigIntStats, { store, parent }: Owners): string | undefined {
  const unsafe = whyUnsafe(stat);
  if (unsafe !== undefined) return unsafe;
  if (stat.uid !== store) return `it belongs to user ${stat.uid}, and the store to user ${store}`;
  if (stat.uid !== parent)
    return `it belongs to user ${stat.uid}, and the directory that the store is in to user ${parent}`;
  return undefined;
}

/** Why others than its owner have a hand in a file. */
export function whyUnsafe(stat: BigIntStats): string | undefined {
  if ((stat.mode & 0o6000n) !== 0n) return 'it is set-user-ID or set-group-ID';
  if ((stat.mode & 0o022n) !== 0n) return 'it is writable by group or others';
  return undefined;
}
