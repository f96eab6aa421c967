/** A reboot costs nothing: what is believed in which boot, and each way to break that. */
import { beforeEach, expect, test } from 'vitest';
import { throughBoots, wasProven } from '../helpers/boots.ts';
import { lastingDir, noMounts } from '../helpers/mounts.ts';
import { works } from '../helpers/running.ts';
import { listFiles, makeCInstallation, noCompiler } from '../helpers/stand-in.ts';
import { noStrace } from '../helpers/strace.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noMounts();
  if (reason !== undefined) ctx.skip(reason);
});

/** An installation, and the words of a launch from it. A directory whose file system lasts. */
function makeWorld() {
  const dir = lastingDir();
  const installed = makeCInstallation(dir, 'v25.12', { libraryDir: `${dir}/lib` });
  return { dir, installed, words: `$D/usr/bin/lightningd --lightning-dir=$D/lightning` };
}

const METHODS = ['hardlink', 'copy'] as const;

test.each(METHODS)('%s: the first boot after that of the build reads once, none after it', method => {
  const { dir, words } = makeWorld();
  const launches = throughBoots(
    dir,
    `w="--method=${method} ${words}"
    boot 1; launch $w; launch $w
    boot 2; launch $w; launch $w
    boot 3; launch $w
    boot 4; launch $w`,
  );
  expect(launches.map(({ reused }) => reused)).toEqual([false, true, true, true, true, true]);
  expect(launches.map(wasProven)).toEqual([false, true, false, true, true, true]);
});

/** Prints the files of Core Lightning that a launch opens, by a trace of its calls. */
const OPENED = `strace -f -e trace=openat,open -o $D/trace $HOLDFAST snapshot --json $w >&2
  { grep -vE 'ENOENT|O_DIRECTORY' $D/trace || true; } | { grep -oE '"[^"]*/(libexec/c-lightning/|bin/(lightning|reckless))[^"]*"' || true; } | jq -s -c .`;

test.for(METHODS)(
  '%s: in later boots no file of installation or snapshot is opened, in the second each is',
  (method, ctx) => {
    const reason = noStrace();
    if (reason !== undefined) ctx.skip(reason);
    const { dir, words } = makeWorld();
    const [second, third] = throughBoots(
      dir,
      `w="--method=${method} ${words}"
    { boot 1; launch $w; } >&2
    boot 2; ${OPENED}
    boot 3; ${OPENED}`,
    ) as unknown as string[][];
    const placed = method === 'copy' ? '/proc/self/fd/' : `${dir}/usr/`;
    for (const file of listFiles(`${dir}/usr`)) {
      expect(second).toContain(`${dir}/usr/${file}`);
      expect(second?.some(path => path.startsWith(placed) && path.endsWith(file))).toBe(true);
    }
    // of lightningd the headers are read, for its loader
    expect(third?.filter(path => !path.endsWith('/bin/lightningd'))).toEqual([]);
  },
);

/** A file of the installation, and when it is rewritten with its size and its mtime as they were. */
const DATA = 'libexec/c-lightning/plugins/clnrest/requirements.txt';
test.each<[string, string]>([
  ['in the first boot', 'boot 1; launch $w; CHANGE; boot 2; launch $w; launch $w'],
  ['in the first boot, and seen in it', 'boot 1; launch $w; CHANGE; launch $w; boot 2; launch $w'],
  ['in the second boot, before its launch', 'boot 1; launch $w; boot 2; CHANGE; launch $w; launch $w'],
  ['in the second boot, after its launch', 'boot 1; launch $w; boot 2; launch $w; CHANGE; boot 3; launch $w'],
  ['in the third boot', 'boot 1; launch $w; boot 2; launch $w; boot 3; CHANGE; launch $w'],
  ['long after', 'boot 1; launch $w; boot 2; launch $w; boot 3; launch $w; CHANGE; boot 4; launch $w'],
])('a source that is rewritten with its size and mtime put back is seen: %s', (_when, script) => {
  for (const method of METHODS) {
    const { dir, words } = makeWorld();
    const change = `put_back $D/usr/${DATA} flip $D/usr/${DATA}`;
    const launches = throughBoots(
      dir,
      `w="--method=${method} ${words}"; ${script.replace('CHANGE', change)}`,
    );
    const roots = [...new Set(launches.map(({ root }) => root))];
    expect(roots).toHaveLength(2);
    expect(launches.at(-1)?.root).toBe(roots[1]);
  }
});

test.each<[string, string]>([
  ['in the first boot', 'boot 1; launch $w; CHANGE; boot 2; launch $w; launch $w'],
  ['in the second boot, after its launch', 'boot 1; launch $w; boot 2; launch $w; CHANGE; boot 3; launch $w'],
  ['in the third boot', 'boot 1; launch $w; boot 2; launch $w; boot 3; CHANGE; launch $w'],
])('a copy that is rewritten with its size and mtime put back is built anew: %s', (_when, script) => {
  const { dir, words } = makeWorld();
  const placed = `$D/lightning/subdaemons/current/${DATA}`;
  const change = `put_back ${placed} flip ${placed}`;
  const launches = throughBoots(dir, `w="--method=copy ${words}"; ${script.replace('CHANGE', change)}`);
  expect(launches.filter(({ reused }) => !reused)).toHaveLength(2);
  expect(new Set(launches.map(({ root }) => root)).size).toBe(1);
});

/** Writes to the disk under the file system: neither size nor times of any file move, as after a power cut. */
const CUT = `umount $D/disk; sync
  at=$(grep -obUa -m1 "$mark" $D/disk.img | tail -1 | cut -d: -f1); [ -n "$at" ]
  printf 'XXXX' | dd of=$D/disk.img bs=1 seek=$at conv=notrunc status=none
  mount -o loop $D/disk.img $D/disk`;

test('content that never reached the disk, under a size and times that did, is found in the next boot', () => {
  const { dir, words } = makeWorld();
  // the installation stays whole, the copy loses its content
  const launches = throughBoots(
    dir,
    `w="--snapshot-dir=$D/disk/store --method=copy ${words}"; mark=holdfast-mark-of-this-test
    printf '#!/bin/sh\\n# %s\\n' $mark > $D/usr/libexec/c-lightning/plugins/marked; chmod 755 $D/usr/libexec/c-lightning/plugins/marked
    find $D/usr -type d -exec touch -d '1 hour ago' {} +
    truncate -s 64M $D/disk.img; mkfs.ext4 -q -F $D/disk.img >&2; mkdir $D/disk; mount -o loop $D/disk.img $D/disk
    boot 1; launch $w
    ${CUT}
    boot 2; launch $w; launch $w
    boot 3; launch $w`,
  );
  expect(launches.map(({ reused }) => reused)).toEqual([false, false, true, true]);
  expect(launches.map(wasProven)).toEqual([false, false, true, false]); // built in the second boot: read in the third
});

test('a copy that was cut short between two boots is built anew', () => {
  const { dir, words } = makeWorld();
  const placed = '$D/lightning/subdaemons/current/libexec/c-lightning/lightning_openingd';
  const launches = throughBoots(
    dir,
    `w="--method=copy ${words}"; boot 1; launch $w
    put_back ${placed} truncate -s 4096 ${placed}
    boot 2; launch $w`,
  );
  expect(launches.map(({ reused }) => reused)).toEqual([false, false]);
});

/** How each is made in `$D/disk.img`; the tool that this takes says its version. */
const LASTING: readonly [string, string, string][] = [
  ['ext4', 'mkfs.ext4 -q -F', '64M'],
  ['xfs', 'mkfs.xfs -q', '320M'],
  ['btrfs', 'mkfs.btrfs -q', '128M'],
];

test.for(LASTING)(
  '%s that gets another device number at a boot is believed all the same',
  ([fs, make, size], ctx) => {
    if (!works(`mkfs.${fs}`, '-V')) ctx.skip(`there is no mkfs.${fs}`);
    const { dir } = makeWorld();
    const launches = throughBoots(
      dir,
      `truncate -s ${size} $D/disk.img; ${make} $D/disk.img >&2; mkdir $D/disk; mount -o loop $D/disk.img $D/disk
    cp -a $D/usr $D/disk/; w="$D/disk/usr/bin/lightningd --lightning-dir=$D/disk/lightning"
    boot 1; launch $w; launch $w
    boot 2; launch $w
    umount $D/disk
    truncate -s 1M $D/taken.img; taken=$(losetup --find --show $D/taken.img); mount -o loop $D/disk.img $D/disk
    boot 3; launch $w; launch $w
    umount $D/disk; losetup -d $taken`,
    );
    expect(launches.map(wasProven)).toEqual([false, true, false, true, true]);
  },
);

test('an overlay that is put together anew at each boot is believed', () => {
  const { dir } = makeWorld();
  const launches = throughBoots(
    dir,
    `mkdir $D/upper $D/work $D/all $D/other; mkdir $D/lower; mv $D/usr $D/lower/
    together() { mount -t overlay -o lowerdir=$D/lower,upperdir=$D/upper,workdir=$D/work none $D/all; }
    together; w="$D/all/usr/bin/lightningd --lightning-dir=$D/all/lightning"
    boot 1; launch $w
    boot 2; launch $w
    umount $D/all; mount -t tmpfs none $D/other; together # another device number
    boot 3; launch $w`,
  );
  expect(launches.map(wasProven)).toEqual([false, false, true]);
});

test.each<[string, string]>([
  ['keeps no inodes and ctimes', 'mount -t tmpfs none $D/disk'],
  [
    'writes ctimes late',
    'truncate -s 64M $D/disk.img; mkfs.ext4 -q -F $D/disk.img >&2; mount -o loop,lazytime $D/disk.img $D/disk',
  ],
])('a file system that %s is read once in each boot', (_which, mount) => {
  const { dir } = makeWorld();
  const launches = throughBoots(
    dir,
    `mkdir $D/disk; ${mount}; cp -a $D/usr $D/disk/; w="$D/disk/usr/bin/lightningd --lightning-dir=$D/disk/lightning"
    boot 1; launch $w
    boot 2; launch $w; launch $w
    boot 3; launch $w`,
  );
  expect(launches.map(({ reused }) => reused)).toEqual([false, true, true, true]);
  expect(launches.map(wasProven)).toEqual([false, false, true, false]);
});

test("where the kernel's id is hidden, a clock below the record's says that it is another boot", () => {
  const { dir, words } = makeWorld();
  const record = '$D/lightning/subdaemons/current/.record.json';
  const launches = throughBoots(
    dir,
    `w="${words}"; mount -t proc -o subset=pid proc /proc
    [ ! -e /proc/sys ]
    launch $w; launch $w
    jq -c '.upMs = 1e15' ${record} > $D/longer; cat $D/longer > ${record}
    launch $w; launch $w
    jq -c '.upMs = 1e15' ${record} > $D/longer; cat $D/longer > ${record}
    launch $w`,
  );
  expect(launches.map(({ reused }) => reused)).toEqual([false, true, true, true, true]);
  expect(launches.map(wasProven)).toEqual([false, false, false, true, true]);
});

test("a container's own id says nothing of the kernel's boot", () => {
  const { dir, words } = makeWorld();
  const launches = throughBoots(
    dir,
    `w="${words}"; mount -t tmpfs none /run; mkdir /run/systemd; echo lxc > /run/systemd/container
    boot 1; launch $w
    boot 2; launch $w
    boot 3; launch $w; launch $w`,
  );
  expect(launches.map(({ reused }) => reused)).toEqual([false, true, true, true]);
  expect(launches.map(wasProven)).toEqual([false, false, false, true]);
});
