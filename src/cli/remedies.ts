/**
 * What to do about a failure, where whoever raised it did not say: by its code, else by its errno (errno(3)). An error
 * without a remedy leaves an operator alone with a name. Pure.
 */
import type { ErrorCode, HoldfastError } from '../errors.ts';
import { isCommandName } from './table.ts';

const BY_CODE: Partial<Record<ErrorCode, string>> = {
  NOT_FOUND: "LIGHTNINGD is the path of Core Lightning's lightningd, or a name in PATH",
  NOT_EXECUTABLE:
    'ls -l shows its mode, findmnt -T its mount: a program needs the execute bit, and no noexec',
  NO_SNAPSHOT: 'holdfast status lists the snapshots of a store; holdfast snapshot makes one',
  BAD_SOURCE: 'an installation is taken whole: mend or remove that file, or install Core Lightning again',
  ARCHIVE: 'name a release archive of Core Lightning, as it was published',
  MANIFEST_INVALID: 'it is damaged, or was changed: the next launch takes the snapshot anew',
  ROOT_MISMATCH: 'find out why before you start it: holdfast root PATH prints what is there',
  DIFFERS: 'holdfast verify says all that differs; the next launch takes the snapshot anew',
};

const BY_ERRNO: Readonly<Record<string, string>> = {
  EACCES: 'become the user whose it is (runuser -u USER -- holdfast …), or root',
  EPERM: 'lsattr -d shows whether it is immutable; else a sandbox or a security module forbids it',
  EROFS: 'findmnt -T shows the mount: it is read-only',
  ENOENT: 'is the path the right one, and its disk mounted?',
  ENOTDIR:
    'is the path the right one? a part of it is no directory, or a symbolic link where none is followed',
  ELOOP: 'symbolic links lead in a circle: namei -l shows them',
  ENOSPC: 'free space there: df -h and df -i show which kind is used up',
  EDQUOT: 'a disk quota is used up: quota shows it',
  EIO: "the disk or its file system fails: the kernel's log says more (dmesg)",
};

/** The hints of an error of this command, or one for its kind; none where nothing sensible can be said. */
export function hintsOf({ hints, code, errno }: HoldfastError, command: string): readonly string[] {
  if (hints.length > 0) return hints;
  if (code === 'USAGE') return [isCommandName(command) ? `holdfast ${command} --help` : 'holdfast --help'];
  const hint = BY_CODE[code] ?? (errno === undefined ? undefined : BY_ERRNO[errno]);
  return hint === undefined ? [] : [hint];
}
