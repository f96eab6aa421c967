/** Which file systems keep inodes and ctimes from boot to boot, each change of a file in its ctime. Only looks. */
import { realpathSync } from 'node:fs';
import { type Mount, mountOf, readMounts } from '../proc/mountinfo.ts';

/**
 * Local disks whose inode numbers stay and whose ctimes are as fine as the kernel's clock (statx(2), proc_filesystems(5)).
 * Not among them: images that are made elsewhere and may bear the same numbers and times with another content (squashfs,
 * erofs, iso9660), what is unpacked at each boot (tmpfs, rootfs), what keeps no ctime (vfat, exfat), and what others
 * write to or number as they like (NFS, CIFS, 9p, FUSE).
 */
const LASTING: ReadonlySet<string> = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'zfs',
  'bcachefs',
  'f2fs',
  'overlay', // shows the inodes and times of its layers
]);

/** Answers for many files after one look at the mounts, once for each device. */
export class LastingFileSystems {
  #mounts: readonly Mount[] | undefined;
  readonly #known = new Map<bigint, boolean>();

  /**
   * Is the file on one of them? With `lazytime` a ctime may reach the disk a day after the content (mount(8)); f2fs has
   * it by default.
   * @param path absolute @param device its st_dev
   */
  has(path: string, device: bigint): boolean {
    let lasting = this.#known.get(device);
    if (lasting === undefined) {
      this.#mounts ??= readMounts();
      const mount = mountOf(realpathSync(path), this.#mounts);
      lasting = mount !== undefined && LASTING.has(mount.fsType) && !mount.superOptions.includes('lazytime');
      this.#known.set(device, lasting);
    }
    return lasting;
  }
}
