/** What a program does not take along into a snapshot, or does not find there, to be said in a warning. Only looks. */
import { existsSync } from 'node:fs';
import { quote } from '../../errors.ts';
import { hasCapabilities } from '../../linux/files/xattr.ts';
import type { Placement } from '../../snapshot/record/placement.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';
import { isHeldLibrary } from '../../snapshot/store/layout.ts';

/** Where AppArmor's profiles lie, each named for the path it is bound to with dots for slashes (apparmor.d(5)). */
const PROFILES = '/etc/apparmor.d';

/** One line for each kind of loss in a new snapshot. */
export function lostByCopy({ files, lightningd }: SnapshotRecord, profiles: string = PROFILES): string[] {
  const isCopy = (placement: Placement) => placement === 'reflink' || placement === 'copy';
  const copied = files.filter(({ placement, source }) => isCopy(placement) && hasCapabilities(source));
  const holds = files.some(({ path }) => isHeldLibrary(path));
  // such a program runs with AT_SECURE, and the loader heeds no LD_LIBRARY_PATH (ld.so(8))
  const secure = files.filter(
    ({ placement, source }) =>
      holds && !isCopy(placement) && source.startsWith('/') && hasCapabilities(source),
  );
  const profile = `${profiles}/${lightningd.slice(1).replaceAll('/', '.')}`;
  return [
    ...(copied.length === 0
      ? []
      : [
          `these lost their file capabilities, which a copy does not get: ${copied.map(({ source }) => quote(source)).join(', ')}`,
        ]),
    ...(secure.length === 0
      ? []
      : [
          `these load the system's libraries, not what is held, for their file capabilities: ${secure.map(({ source }) => quote(source)).join(', ')}`,
        ]),
    ...(existsSync(profile)
      ? [
          `the AppArmor profile ${quote(profile)} is bound to ${quote(lightningd)}: it does not confine the snapshot, whose path is another`,
        ]
      : []),
  ];
}
