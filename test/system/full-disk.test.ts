/** A store that runs full, of blocks and of inodes, at every stage of a launch. */
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { noMounts } from '../helpers/mounts.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noMounts();
  if (reason !== undefined) ctx.skip(reason);
});

interface Tried {
  readonly limit: number;
  readonly status: number;
  readonly said: string;
  /** a snapshot that is not whole */
  readonly broken: string;
  /** how the next launch ends, which has room, and what the store has then */
  readonly next: number;
  readonly after: string;
  readonly verify: number;
}

test.each([
  ['size', 'k', 16, 16, 640, '64m'],
  ['nr_inodes', '', 1, 1, 48, '4096'],
] as const)(
  'with %s short at any stage it fails with a path and a reason, and the next launch works',
  (option, unit, from, step, to, enough) => {
    const dir = tempDir();
    const { lightningd } = makeCInstallation(dir, 'v25.12', { plugins: 1 });
    const script = `
    m=$D/mnt; mkdir $m
    for limit in $(seq ${from} ${step} ${to}); do
      mount -t tmpfs -o mode=755,${option}="$limit"${unit} none $m
      status=0; said=$($HOLDFAST snapshot --settle=0 ${lightningd} --lightning-dir=$m/l 2>&1 >/dev/null) || status=$?
      broken=
      for id in $(ls $m/l/subdaemons 2>/dev/null | grep -vE '^(current|CACHEDIR.TAG)$'); do
        (cd $m/l/subdaemons/$id && sha256sum --quiet -c SHA256SUMS >&2) || broken=$id
      done
      mount -o remount,${option}=${enough} $m
      next=0; $HOLDFAST snapshot --settle=0 ${lightningd} --lightning-dir=$m/l >&2 || next=$?
      after=$(ls -A $m/l/subdaemons | tr '\\n' ' ')
      verify=0; $HOLDFAST verify --lightning-dir=$m/l >&2 || verify=$?
      umount $m
      printf '{"limit":%d,"status":%d,"said":%s,"broken":"%s","next":%d,"after":"%s","verify":%d}\\n' \
        $limit $status "$(json "$said")" "$broken" $next "$after" $verify
    done`;
    const tried = inMountNamespace<Tried>(dir, script);
    for (const one of tried) {
      expect(one).toMatchObject({
        broken: '',
        next: 0,
        verify: 0,
        after: expect.stringMatching(/^\.lock [0-9a-f]{16} (CACHEDIR.TAG )?current $/),
      });
      if (one.status === 0) continue;
      expect(one).toMatchObject({ status: 2, said: expect.stringMatching(/^holdfast: .*'\/.*ENOSPC/m) });
      expect(one.said).not.toMatch(/^\s+at /m);
    }
    expect(tried.at(-1)?.status).toBe(0);
    expect(tried[0]?.status).toBe(2);
    const failed = tried.filter(({ status }) => status !== 0).length;
    console.log(
      `full disk, ${option}: ${tried.length} limits, ${failed} failures, all followed by a launch that works`,
    );
  },
  180_000,
);

interface Ended {
  readonly status: number;
  readonly said: string;
  readonly store: string;
}

/** Ends a shell line that leaves `$r`, `$D/said` and a store at `$m/l/subdaemons`. */
const TELL = String.raw`printf '{"status":%d,"said":%s,"store":"%s"}\n' $r "$(json "$(cat $D/said)")" "$(ls -A $m/l/subdaemons | tr '\n' ' ')"`;

test('a dead snapshot goes before the disk is called full; then the message says which disk, what is needed and what is free', () => {
  const dir = tempDir();
  const { lightningd } = makeCInstallation(join(dir, 'old'), 'v25.12', { plugins: 1 });
  const next = makeCInstallation(join(dir, 'next'), 'v26.03', { plugins: 1 });
  const [made, small] = inMountNamespace<Ended>(
    dir,
    `
    m=$D/mnt; mkdir $m; mount -t tmpfs -o mode=755,size=64m none $m
    fill() { dd if=/dev/zero of=$m/fill bs=1k count=$(($(df --output=avail -k $m | tail -1) - $1)) oflag=append conv=notrunc 2>/dev/null; }
    $HOLDFAST snapshot --settle=0 ${lightningd} --lightning-dir=$m/l >&2
    fill 24
    r=0; $HOLDFAST snapshot --settle=0 --verbose ${next.lightningd} --lightning-dir=$m/l 2>$D/said >&2 || r=$?
    ${TELL}
    rm -r $m/l; fill 24
    r=0; $HOLDFAST snapshot --settle=0 ${lightningd} --lightning-dir=$m/l 2>$D/said >&2 || r=$?
    ${TELL}`,
  );
  expect(made).toMatchObject({
    status: 0,
    said: expect.stringContaining('holdfast: make-room\n'),
    store: expect.stringMatching(/^\.lock [0-9a-f]{16} (CACHEDIR.TAG )?current $/),
  });
  expect(small).toMatchObject({
    status: 2,
    store: '.lock ',
    said: expect.stringMatching(
      /ENOSPC.*\n.*the disk of '.*\/mnt\/l\/subdaemons' \(none, tmpfs, mounted on '.*\/mnt'\) is full: up to \d+\.\d MB are needed, 0\.0 MB and \d+ inodes are free\n/,
    ),
  });
});

test('where only the record, or `current`, finds no room, the launch goes on with a warning', () => {
  const dir = tempDir();
  makeCInstallation(join(dir, 'i'), 'v25.12', { plugins: 1 });
  const tried = inMountNamespace<Ended>(
    dir,
    `
    m=$D/mnt; mkdir $m; mount -t tmpfs -o mode=755 none $m
    cp -a $D/i $m/; find $m/i -type d -exec touch -d '1 hour ago' {} +
    used=$(df --output=iused $m | tail -1)
    for inodes in $(seq 18 50); do
      mount -o remount,nr_inodes=$((used + inodes)) $m
      r=0; $HOLDFAST snapshot --settle=0 $m/i/usr/bin/lightningd --lightning-dir=$m/l >/dev/null 2>$D/said || r=$?
      $HOLDFAST verify --snapshot-dir=$m/l/subdaemons $(ls -d $m/l/subdaemons/????????????????) >&2 || [ $r != 0 ]
      ${TELL}
      rm -rf $m/l
    done`,
  );
  const warned = tried.filter(({ status, said }) => status === 0 && said !== '');
  expect(tried.at(-1)).toMatchObject({ status: 0, said: '' });
  expect(warned.map(({ said }) => said).join('\n')).toMatch(
    /^holdfast: warning: cannot write '.*\.record\.json\.new': no space left on device \(ENOSPC, open\); the next launch has to read every file again$/m,
  );
  expect(warned.map(({ said }) => said).join('\n')).toMatch(
    /^holdfast: warning: the disk is full: 'current' cannot/m,
  );
});
