/** What to type where a directory cannot hold programs. Pure. */
import { typed } from '../../errors.ts';
import type { Advice, DirectoryReport } from './report.ts';

/** What the advice depends on beside the directories. */
export interface AdviceContext {
  /** path that `run` would use, if there is one */
  readonly chosen: string | null;
  /** is it the store, and were no directories named? Then systemd can give another one */
  readonly forStore: boolean;
  /** is /run mounted noexec? Debian does so: a RuntimeDirectory= would be of no use */
  readonly runIsNoexec: boolean;
}

/** Advice for the directories that were asked about: the store alone, or all that were named. */
export function adviceFor(asked: readonly DirectoryReport[], context: AdviceContext): Advice[] {
  const wanting = asked.filter(report => report.holds !== 'yes');
  if (wanting.length === 0) return [];
  const advice = new Map<string, Advice>();
  for (const one of [...wanting.flatMap(adviceForDirectory), ...elsewhere(context)]) {
    if (!advice.has(one.type)) advice.set(one.type, one);
  }
  return [...advice.values()];
}

function adviceForDirectory({ path, exec, exists, judged, write, mount }: DirectoryReport): Advice[] {
  switch (exec.verdict) {
    case 'noexec':
      if (mount === null) return [];
      return [
        {
          type: `mount -o remount,exec ${shellWord(mount.mountPoint)}`,
          effect:
            'as root: allows programs there until the next boot; /etc/fstab or its unit holds the option for good',
        },
      ];
    case 'no-execute-bit':
      return [
        {
          type: `man mount.${mount?.fsType ?? 'FSTYPE'}`,
          effect:
            'says which option has it keep modes, or gives files an execute bit: permissions (ntfs-3g), fmask= (vfat), file_mode= (cifs)',
        },
      ];
    case 'refused':
      return [
        {
          type: 'journalctl -k --grep="denied|audit|DENIED"',
          effect: 'as root: shows which security module refused; remounting would not help',
        },
      ];
    case 'executable':
    case 'undetermined':
      if (judged === null || write.errno === 'EACCES' || write.errno === 'EPERM') {
        return [
          {
            type: `stat -- ${shellWord(judged ?? path)}`,
            effect: 'shows whose it is: ask again as the user that runs the node',
          },
        ];
      }
      if (write.errno === 'EROFS' && mount !== null) {
        return [
          {
            type: `mount -o remount,rw ${shellWord(mount.mountPoint)}`,
            effect: 'as root: makes it writable (in a unit: ReadWritePaths=)',
          },
        ];
      }
      if (!exists) return [{ type: `mkdir -p -- ${shellWord(path)}`, effect: 'makes it; then ask again' }];
      return mount === null
        ? []
        : [{ type: `df -h ${shellWord(mount.mountPoint)}`, effect: 'shows the room' }];
  }
}

/** Other places. */
function elsewhere({ chosen, forStore, runIsNoexec }: AdviceContext): Advice[] {
  const places: Advice[] = [
    chosen === null
      ? { type: 'holdfast run --snapshot-dir=DIR …', effect: 'with DIR where programs can be executed' }
      : { type: `holdfast run --snapshot-dir=${shellWord(chosen)} …`, effect: 'names the place itself' },
  ];
  if (!forStore) return places;
  places.push({
    type: 'CacheDirectory=lightningd',
    effect: 'in the [Service] section of the unit: gives run a directory below /var/cache',
  });
  if (!runIsNoexec) {
    places.push({
      type: 'RuntimeDirectory=lightningd',
      effect: 'the same below /run, gone when the unit stops',
    });
  }
  return places;
}

/** A word for the shell, bare where it may be. */
export function shellWord(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : typed(word);
}
