/**
 * /proc/self/mountinfo (proc_pid_mountinfo(5)): which mount a path is on, and with which options. The parser and the
 * look-up by path are pure. An open directory is looked up by the kernel's own answer, its mount id, so that a path
 * which somebody mounts over meanwhile does not mislead us.
 */
import { readFileSync } from 'node:fs';
import { isBelow } from '../files/path.ts';

/** One mount, as this process sees it. */
export interface Mount {
  readonly id: number;
  /** the mount that it is mounted on; its own id or one that is not listed for the root of what we see */
  readonly parentId: number;
  /** `major:minor`, decimal */
  readonly device: string;
  /** the directory of the file system that is seen here; not `/` for a bind mount or a btrfs subvolume */
  readonly root: string;
  readonly mountPoint: string;
  /** options of this mount: `rw`, `noexec`, `relatime` */
  readonly options: readonly string[];
  /** `shared:1`, `master:2`, `propagate_from:3`, `unbindable`, and what later kernels add */
  readonly tags: readonly string[];
  /** `ext4`, `fuse.sshfs` */
  readonly fsType: string;
  /** the device, or what whoever mounted it called it; may be empty */
  readonly source: string;
  /** options of the file system, the same for all its mounts */
  readonly superOptions: readonly string[];
}

/** Reads mountinfo text given as latin1, byte for byte; lines that are no mounts are passed over. */
export function parseMountinfo(latin1: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of latin1.split('\n')) {
    const mount = parseLine(line);
    if (mount !== undefined) mounts.push(mount);
  }
  return mounts;
}

/**
 * The mount that an absolute path without symbolic links, `.` and `..` is on.
 *
 * The path is walked from the root of the tree: from each mount into the child (by parent id) whose mount point comes
 * first on the way. So the deepest mount wins, the upper of two on one point, and one that a later mount further up
 * has hidden is not found, though its mount point is the longest. Of two children on one point the later line wins.
 */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  const ids = new Set(mounts.map(mount => mount.id));
  const onTheWay = mounts.filter(mount => isBelow(path, mount.mountPoint));
  const isTop = (mount: Mount): boolean => mount.parentId === mount.id || !ids.has(mount.parentId);
  let current = firstOnTheWay(onTheWay.filter(isTop));
  const seen = new Set<Mount>(); // a file that no kernel wrote could send us in circles
  while (current !== undefined && !seen.has(current)) {
    seen.add(current);
    const { id } = current;
    const next = firstOnTheWay(onTheWay.filter(mount => mount.parentId === id && mount.id !== id));
    if (next === undefined) break;
    current = next;
  }
  return current;
}

/**
 * The mount that an open file or directory is on, by the mount id in /proc/self/fdinfo (Linux 3.15); by `path`, the
 * real path it was opened by, where that cannot be read.
 * @returns undefined where /proc does not tell
 */
export function mountOfOpen(fd: number, path: string, proc = '/proc/self'): Mount | undefined {
  const mounts = readMounts(`${proc}/mountinfo`);
  const id = mountIdOf(fd, proc);
  return mounts.find(mount => mount.id === id) ?? mountOf(path, mounts);
}

/** All mounts that this process sees; none where /proc cannot be read. */
export function readMounts(file = '/proc/self/mountinfo'): Mount[] {
  try {
    return parseMountinfo(readFileSync(file, 'latin1'));
  } catch {
    return []; // no /proc: nothing is known of mounts, and the callers say so
  }
}

/** Does this mount refuse to execute programs? mount(2), MS_NOEXEC: of the mount itself, or of the file system. */
export function isNoexec(mount: Mount): boolean {
  return mount.options.includes('noexec') || mount.superOptions.includes('noexec');
}

/** `id parent major:minor root point options [tag…] - type source superOptions` */
function parseLine(line: string): Mount | undefined {
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const [id, parentId, device, root, mountPoint, options] = fields;
  const [fsType, source, superOptions] = fields.slice(dash + 1);
  if (dash < 0 || !isNumber(id) || !isNumber(parentId) || device === undefined) return undefined;
  if (root === undefined || mountPoint === undefined || options === undefined) return undefined;
  if (fsType === undefined || source === undefined || superOptions === undefined) return undefined;
  return {
    id: Number(id),
    parentId: Number(parentId),
    device,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: splitOptions(options),
    tags: fields.slice(6, dash),
    fsType: unescapeOctal(fsType),
    source: unescapeOctal(source),
    superOptions: splitOptions(superOptions),
  };
}

function isNumber(word: string | undefined): word is string {
  return word !== undefined && /^\d+$/.test(word);
}

/** Options are separated by commas; a value may hold escapes (`lowerdir=/a\040b`), and an escaped comma stays one. */
function splitOptions(field: string): string[] {
  return field.split(',').map(unescapeOctal);
}

/** The kernel writes space, tab, newline, backslash and `#` as three octal digits (fs/proc_namespace.c, mangle). */
function unescapeOctal(latin1: string): string {
  const bytes = latin1.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function firstOnTheWay(mounts: readonly Mount[]): Mount | undefined {
  let first: Mount | undefined;
  for (const mount of mounts) {
    if (first === undefined || mount.mountPoint.length <= first.mountPoint.length) first = mount;
  }
  return first;
}

function mountIdOf(fd: number, proc: string): number | undefined {
  try {
    const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`${proc}/fdinfo/${fd}`, 'latin1'))?.[1];
    return id === undefined ? undefined : Number(id);
  } catch {
    return undefined; // an old kernel, or no /proc: the caller goes by the path
  }
}
