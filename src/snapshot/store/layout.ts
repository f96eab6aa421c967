/**
 * The names below a store, in one place:
 *
 *     subdaemons/
 *       .lock                      one flock for build and wipe
 *       .staging-4711-8f3a09c2     a snapshot being built
 *       0123456789abcdef/          a snapshot: bin/, libexec/, manifest.json, SHA256SUMS, .record.json; with held
 *                                  libraries also libraries.json, .libraries/, and links to that beside the programs
 *       0123456789abcdef.1/        the same, where a damaged live one held the name
 *       current -> 0123456789abcdef
 *       CACHEDIR.TAG               tells backups to leave all of it out
 */
import { randomBytes } from '../../linux/random.ts';

export {
  isHeldLibrary,
  LIBRARIES_DIR,
  LIBRARIES_NAME,
  MANIFEST_NAME,
  OUR_FILES,
  RECORD_NAME,
  SHA256SUMS_NAME,
} from '../../manifest/beside.ts';

/** The store's directory below a lightning-dir. */
export const STORE_NAME = 'subdaemons';
/** The file whose flock guards build and wipe. */
export const LOCK_NAME = '.lock';
/** The file by which backups know a directory that they may leave out. */
export const CACHEDIR_TAG_NAME = 'CACHEDIR.TAG';
/** The symbolic link to the snapshot built or launched last. */
export const CURRENT_NAME = 'current';
/** Where the interpreter leaves its cache beside a Python plugin. */
export const PYCACHE_NAME = '__pycache__';

const STAGING = /^\.staging-\d+-[0-9a-f]{8}$/;
const SNAPSHOT = /^[0-9a-f]{16}(\.[1-9]\d{0,5})?$/;

/** A new name for a staging directory (or a probe) that no other process uses. @throws SyscallError */
export function stagingName(pid: number): string {
  return `.staging-${pid}-${randomBytes(4).toString('hex')}`;
}

/** Is this a name that only we give, to something half-made? */
export function isStagingName(name: string): boolean {
  return STAGING.test(name);
}

/** Is this the name of a snapshot: 16 digits of its root, and maybe `.N`? */
export function isSnapshotName(name: string): boolean {
  return SNAPSHOT.test(name);
}

/** The first name a snapshot with this root may have. */
export function snapshotId(root: string): string {
  return root.slice(0, 16);
}

/** May this be the name of a snapshot with this root? */
export function isOfRoot(name: string, root: string): boolean {
  return isSnapshotName(name) && name.startsWith(snapshotId(root));
}
