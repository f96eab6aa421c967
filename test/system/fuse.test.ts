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
