/** Installation and lightning-dir on one of the file systems in user space that operators pool or encrypt disks with. */
import { beforeEach, expect, test } from 'vitest';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { lastingDir, noMounts } from '../helpers/mounts.ts';
import { makeCInstallation, noCompiler } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noMounts();
  if (reason !== undefined) ctx.skip(reason);
});

/** How each is mounted on `$m` over `$m.a` and `$m.b`, and how files get there: a link must look like its source. */
const MOUNTS = {
  mergerfs: ['mergerfs $m.a:$m.b $m', 'copy'],
  'unionfs-fuse': [
    'unionfs-fuse -o cow $m.a=RW:$m.b=RO $m 2>/dev/null || unionfs -o cow $m.a=RW:$m.b=RO $m',
    'copy',
  ],
  gocryptfs: [
    'echo secret >$m.pw && gocryptfs -init -q -passfile $m.pw $m.a && gocryptfs -q -passfile $m.pw -nosyslog $m.a $m',
    'copy',
  ],
  bindfs: ['bindfs $m.a $m', 'hardlink'],
} as const;

interface Tried {
  readonly fs: keyof typeof MOUNTS;
  readonly snapshot: { readonly placements: Record<string, number> };
  readonly verify: number;
  readonly again: { readonly reused: boolean };
}

test('a launch needs no patience: what looks unlike its source as a link is copied', ctx => {
  const dir = lastingDir();
  const { files } = makeCInstallation(`${dir}/i`, 'v25.12', { plugins: 1 });
  const script = `
    ${Object.entries(MOUNTS)
      .map(
        ([fs, [mount]]) => `
    m=$D/${fs}; mkdir $m $m.a $m.b
    if (${mount}) >&2; then
      cp -a $D/i $m/; find $m/i -type d -exec touch -d '1 hour ago' {} +
      words="$m/i/usr/bin/lightningd --lightning-dir=$m/l"
      s=$($HOLDFAST snapshot --settle=0 --json $words)
      v=0; $HOLDFAST verify --lightning-dir=$m/l >&2 || v=$?
      sleep 0.02 # a tick of the clock of ctimes, or what was read just now is read again
      a=$($HOLDFAST snapshot --settle=0 --json $words)
      umount $m || umount -l $m
      echo "{\\"fs\\":\\"${fs}\\",\\"snapshot\\":$s,\\"verify\\":$v,\\"again\\":$a}"
    else echo '{"absent":"${fs}"}'; fi`,
      )
      .join('')}`;
  const lines = inMountNamespace<Tried | { readonly absent: string }>(dir, script);
  const tried = lines.flatMap(line => ('absent' in line ? [] : [line]));
  const absent = lines.flatMap(line => ('absent' in line ? [line.absent] : []));
  if (tried.length === 0) ctx.skip(`none of them is installed: ${absent.join(', ')}`);
  for (const { fs, snapshot, verify, again } of tried) {
    const placements = { hardlink: 0, reflink: 0, copy: 0, [MOUNTS[fs][1]]: files.length };
    expect({ fs, placements: snapshot.placements, verify, again: again.reused }).toEqual({
      fs,
      placements,
      verify: 0,
      again: true,
    });
  }
  console.log(
    `FUSE: ${tried.map(({ fs }) => fs).join(', ')}; not to be had here: ${absent.join(', ') || 'none'}`,
  );
}, 180_000);

/** A launch of the second version through a mount of what a node of the first runs from: neither locks nor inodes pass. */
const SEEN_THROUGH = { bindfs: 'bindfs $D/below $m', mergerfs: 'mergerfs $D/below $m' } as const;

test('a node keeps its snapshot from a launch that sees it through another mount', ctx => {
  const dir = lastingDir();
  makeCInstallation(`${dir}/i1`, 'v25.12', { plugins: 1 });
  makeCInstallation(`${dir}/i2`, 'v26.03', { plugins: 1 });
  const script = `
    mkdir $D/below
    for fs in ${Object.keys(SEEN_THROUGH).join(' ')}; do
      m=$D/$fs; mkdir $m
      case $fs in ${Object.entries(SEEN_THROUGH)
        .map(([fs, mount]) => `${fs}) mount="${mount}" ;;`)
        .join(' ')} esac
      $mount >&2 || { echo '{"absent":"'$fs'"}'; continue; }
      $HOLDFAST run --method=copy $D/i1/usr/bin/lightningd --lightning-dir=$D/below/$fs --network=regtest >&2 &
      node=$!
      until case $(readlink /proc/$node/exe) in */subdaemons/*) true ;; *) false ;; esac; do sleep 0.01; done
      program=$(readlink /proc/$node/exe)
      s=$($HOLDFAST snapshot --json $D/i2/usr/bin/lightningd --lightning-dir=$m/$fs --network=testnet)
      kept=false; test -e $program && kept=true
      kill -9 $node; wait $node || true
      l=$($HOLDFAST snapshot --json $D/i2/usr/bin/lightningd --lightning-dir=$m/$fs --network=testnet)
      left=false; test -e $program && left=true
      umount $m || umount -l $m
      echo '{"fs":"'$fs'","wiped":'$(node -p 'JSON.stringify(JSON.parse(process.argv[1]).wiped)' "$s")',"kept":'$kept',"left":'$left'}'
    done`;
  const lines = inMountNamespace<
    | { readonly fs: string; readonly wiped: string[]; readonly kept: boolean; readonly left: boolean }
    | { readonly absent: string }
  >(dir, script);
  const tried = lines.flatMap(line => ('absent' in line ? [] : [line]));
  const absent = lines.flatMap(line => ('absent' in line ? [line.absent] : []));
  if (tried.length === 0) ctx.skip(`none of them is installed: ${absent.join(', ')}`);
  expect(tried).toEqual(tried.map(({ fs }) => ({ fs, wiped: [], kept: true, left: false })));
  console.log(
    `FUSE, seen through: ${tried.map(({ fs }) => fs).join(', ')}; not to be had: ${absent.join(', ') || 'none'}`,
  );
}, 180_000);
