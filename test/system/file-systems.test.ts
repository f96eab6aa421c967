/** From every file system that this machine can mount to every other: how the files get there, and that they are believed. */
import { beforeEach, expect, test } from 'vitest';
import { ORDINARY_USER } from '../helpers/holdfast.ts';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { makeNeeding } from '../helpers/libraries.ts';
import { lastingDir, noMounts } from '../helpers/mounts.ts';
import { makeCInstallation, noCompiler } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noMounts();
  if (reason !== undefined) ctx.skip(reason);
});

/** How each is made in the file `$D/$fs.img` and mounted on `$D/mnt/$fs`. */
const MOUNTS = {
  ext4: 'truncate -s 64M $i && mkfs.ext4 -q -F $i && mount -o loop $i $m',
  casefold: 'truncate -s 64M $i && mkfs.ext4 -q -F -O casefold -E encoding=utf8 $i && mount -o loop $i $m',
  xfs: 'truncate -s 320M $i && mkfs.xfs -q $i && mount -o loop $i $m',
  btrfs: 'truncate -s 128M $i && mkfs.btrfs -q $i && mount -o loop $i $m',
  tmpfs: 'mount -t tmpfs none $m',
  overlay:
    'mkdir -p $D/lower $D/upper $D/work && mount -t overlay -o lowerdir=$D/lower,upperdir=$D/upper,workdir=$D/work none $m',
  squashfs: 'mksquashfs $D/lower $i -quiet -no-progress >/dev/null && mount -o loop,ro $i $m',
} as const;

interface Tried {
  readonly from: string;
  readonly to: string;
  readonly user: number;
  readonly snapshot: { readonly placements: Record<string, number>; readonly fallback: string | null };
  readonly verify: number;
  readonly again: { readonly reused: boolean };
}

const REFLINKS = new Set(['xfs', 'btrfs']);

test('hard links within one for who may make them, else reflinks where there are any, else copies; each verified, and reused', () => {
  const dir = lastingDir();
  const { files } = makeCInstallation(`${dir}/lower/i`, 'v25.12', { plugins: 1 });
  const script = `
    made=
    ${Object.entries(MOUNTS)
      .map(
        ([fs, make]) => `
    fs=${fs} i=$D/$fs.img m=$D/mnt/$fs; mkdir -p $m
    if (${make}) >&2; then made="$made $fs"; else echo '{"absent":"${fs}"}'; fi`,
      )
      .join('')}
    for fs in $made; do
      m=$D/mnt/$fs
      [ -e $m/i ] || cp -a $D/lower/i $m/
      [ $fs = squashfs ] || find $m/i -type d -exec touch -d '1 hour ago' {} +
    done
    for from in $made; do for to in $made; do for user in 0 ${ORDINARY_USER}; do
      [ $to != squashfs ] || continue
      l=$D/mnt/$to/l; rm -rf $l; mkdir $l; chown $user $l
      words="--json $D/mnt/$from/i/usr/bin/lightningd --lightning-dir=$l"
      s=$(as $user $HOLDFAST snapshot $words)
      v=0; as $user $HOLDFAST verify --lightning-dir=$l >&2 || v=$?
      sleep 0.02 # a tick of the clock of ctimes, or what was read just now is read again
      a=$(as $user $HOLDFAST snapshot $words)
      echo "{\\"from\\":\\"$from\\",\\"to\\":\\"$to\\",\\"user\\":$user,\\"snapshot\\":$s,\\"verify\\":$v,\\"again\\":$a}"
    done; done; done`;
  const lines = inMountNamespace<Tried | { readonly absent: string }>(dir, script);
  const tried = lines.flatMap(line => ('absent' in line ? [] : [line]));
  const absent = lines.flatMap(line => ('absent' in line ? [line.absent] : []));
  expect(tried.length).toBeGreaterThan(1);
  for (const { from, to, user, snapshot, verify, again } of tried) {
    const placement = from !== to ? 'copy' : user === 0 ? 'hardlink' : REFLINKS.has(to) ? 'reflink' : 'copy';
    const placements = { hardlink: 0, reflink: 0, copy: 0, [placement]: files.length };
    expect({
      from,
      to,
      user,
      placements: snapshot.placements,
      fallback: snapshot.fallback,
      verify,
      again: again.reused,
    }).toEqual({ from, to, user, placements, fallback: null, verify: 0, again: true });
  }
  console.log(`file systems: ${tried.length} cases; not to be had here: ${absent.join(', ') || 'none'}`);
}, 180_000);

test('--method=reflink is about the installation: libraries of another file system are copied, and used again', ctx => {
  const dir = lastingDir();
  const { installed } = makeNeeding(`${dir}/lower`);
  const script = `
    for fs in xfs btrfs; do
      i=$D/$fs.img m=$D/mnt/$fs; mkdir -p $m
      case $fs in xfs) ${MOUNTS.xfs};; btrfs) ${MOUNTS.btrfs};; esac >&2 || continue
      cp -a ${installed.prefix} $m/; find $m -type d -exec touch -d '1 hour ago' {} +
      words="--json --method=reflink $m/usr/bin/lightningd --lightning-dir=$m/l"
      s=$($HOLDFAST snapshot $words); sleep 0.02; a=$($HOLDFAST snapshot $words)
      echo "{\\"snapshot\\":$s,\\"again\\":$a}"
    done`;
  interface Tried {
    readonly snapshot: { readonly files: number; readonly placements: object; readonly libraries: object };
    readonly again: { readonly reused: boolean };
  }
  const tried = inMountNamespace<Tried>(dir, script);
  if (tried.length === 0) ctx.skip('neither xfs nor btrfs can be mounted here');
  for (const { snapshot, again } of tried) {
    const { files, placements, libraries } = snapshot;
    expect(placements).toEqual({ hardlink: 0, reflink: files, copy: 0 });
    expect(libraries).toMatchObject({ files: 2 });
    expect(again.reused).toBe(true);
  }
}, 60_000);

/** File systems of disks that come from elsewhere, through FUSE: they show a mode for all files, and keep none. */
const MODELESS = {
  ntfs: 'truncate -s 64M $i && mkfs.ntfs -F -q $i && ntfs-3g -o umask=022 $i $m',
  exfat:
    'truncate -s 64M $i && d=$(losetup --find --show $i) && mkfs.exfat $d && mount.exfat-fuse -o umask=022 $d $m',
} as const;

test('on a disk that keeps no file modes the fallback is used; without symbolic links the error says what to do', ctx => {
  const dir = lastingDir();
  const installed = makeCInstallation(`${dir}/installed`, 'v25.12', { plugins: 1 });
  const script = `
    export XDG_CACHE_HOME=$D/cache
    ${Object.entries(MODELESS)
      .map(
        ([fs, make]) => `
    fs=${fs} i=$D/$fs.img m=$D/mnt/$fs d=; mkdir -p $m
    if (${make}) >/dev/null 2>$D/why; then
      mkdir $m/l; r=0; $HOLDFAST snapshot ${installed.lightningd} --lightning-dir=$m/l >$D/out 2>$D/said || r=$?
      v=0; $HOLDFAST verify --lightning-dir=$m/l >&2 || v=$?
      printf '{"fs":"%s","status":%d,"verify":%d,"said":"%s"}\\n' $fs $r $v "$(tr '\\n' ' ' <$D/said)"
      umount $m
    else echo '{"absent":"${fs}"}'; fi
    for d in $(losetup --associated $i --noheadings --output NAME); do losetup --detach $d; done`,
      )
      .join('')}`;
  interface Found {
    readonly fs: keyof typeof MODELESS;
    readonly status: number;
    readonly verify: number;
    readonly said: string;
  }
  const lines = inMountNamespace<Found | { readonly absent: string }>(dir, script);
  const found = lines.flatMap(line => ('absent' in line ? [] : [line]));
  if (found.length === 0) ctx.skip('neither ntfs-3g nor exfat-fuse can mount here');
  for (const { fs, status, verify, said } of found) {
    expect(said).toMatch(/warning: '.*subdaemons' keeps no file modes: .* \(\$XDG_CACHE_HOME\)/);
    if (fs === 'ntfs') expect([status, verify]).toEqual([0, 0]);
    else
      expect([status, said]).toEqual([2, expect.stringMatching(/no symbolic links: use a store elsewhere/)]);
  }
}, 60_000);
