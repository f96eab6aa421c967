/** The Debian package of `npm run deb`: installed, used and purged in a root of its own, an overlay over this machine's. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { noOverlayRoot } from '../helpers/mounts.ts';
import { works } from '../helpers/running.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

const checkout = join(HOLDFAST, '../..');

const place = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
afterAll(() => rmSync(place, { recursive: true }));

const builtName = () => readdirSync(place).find(name => name.endsWith('.deb'));

/** Builds the package, once; gives its path. */
function build(): string {
  if (builtName() === undefined)
    execFileSync(process.execPath, [join(checkout, 'scripts/deb.js')], { cwd: place });
  return join(place, builtName()!);
}

test('has no errors for lintian', ctx => {
  if (!works('lintian', '--version') || !works('dpkg-deb', '--version')) ctx.skip('lintian is not installed');
  const { stdout } = spawnSync('lintian', ['--fail-on', 'none', build()], { encoding: 'utf8' });
  expect(stdout.split('\n').filter(line => /^[EW]:/.test(line))).toEqual([]);
});

test('depends on the packages of the libraries that its binary needs, and has a sum of each file', ctx => {
  if (!works('dpkg-deb', '--version')) ctx.skip('dpkg-deb is not installed');
  if (!works('readelf', '--version')) ctx.skip('readelf is not installed');
  const out = tempDir();
  execFileSync('dpkg-deb', ['--raw-extract', build(), out]);
  const files = execFileSync('find', ['usr', '-type', 'f'], { cwd: out, encoding: 'utf8' })
    .trim()
    .split('\n');
  const sums = readFileSync(join(out, 'DEBIAN/md5sums'), 'utf8');
  expect(sums.match(/(?<=^[0-9a-f]{32} {2}).*$/gm)?.sort()).toEqual(files.toSorted());
  execFileSync('md5sum', ['--check', '--quiet', '--strict', 'DEBIAN/md5sums'], { cwd: out });

  const addon = files.find(name => name.endsWith('.node'))!;
  const dynamic = execFileSync('readelf', ['--dynamic', join(out, addon)], { encoding: 'utf8' });
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, soname = '']) => soname);
  const packages = needed.map(soname =>
    soname.startsWith('libstdc++.') ? 'libstdc++6' : soname.startsWith('libgcc_s.') ? 'libgcc-s1' : 'libc6',
  );
  const control = readFileSync(join(out, 'DEBIAN/control'), 'utf8');
  const depends = /^Depends: (.*)$/m.exec(control)?.[1]?.split(', ') ?? [];
  expect(depends.toSorted()).toEqual([...new Set(packages), 'nodejs (>= 20.19)'].sort());
});

test('is installed, used and purged, and leaves nothing', ctx => {
  const reason = noOverlayRoot() ?? noCompiler();
  if (reason !== undefined) ctx.skip(reason);
  if (!works('dpkg-query', '--show', 'dpkg')) ctx.skip('this machine is not run by dpkg');
  const dir = tempDir();
  cpSync(build(), join(dir, 'holdfast.deb'));
  makeCInstallation(join(dir, 'installation'), 'v25.12');
  mkdirSync(join(dir, 'memory'));
  const [found] = inMountNamespace<Record<string, string>>(
    dir,
    `
mount -t tmpfs tmpfs "$D/memory"
mkdir "$D/memory/"{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$D/memory/upper,workdir=$D/memory/work" "$D/memory/root"
cd "$D/memory/root"
mount --rbind /proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs tmp
mkdir -p tmp/d
mount --bind "$D" tmp/d
[ -e usr/bin/node ] || { touch usr/bin/node; mount --bind ${process.execPath} usr/bin/node; }
in_root() { chroot . env -u HOLDFAST_NODE PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
in_root dpkg --force-depends --install /tmp/d/holdfast.deb >&2
version=$(in_root holdfast --version)
in_root /tmp/d/installation/usr/bin/lightningd --version >&2
snapshot=$(in_root holdfast snapshot /tmp/d/installation/usr/bin/lightningd --lightning-dir=/tmp/d/lightning)
verify=$(in_root holdfast verify "$snapshot" | head -n 1)
files=$(in_root dpkg-query --listfiles holdfast | grep -E '/(holdfast.1.gz|_holdfast|holdfast.fish|80holdfast|holdfast.conf)$' | wc -l)
in_root dpkg --purge holdfast >&2
left=$(cd "$D/memory/upper" && find . -name '*holdfast*' ! -type c | tr '\\n' ' ')
printf '{"version":"%s","verify":"%s","files":"%s","left":"%s"}\\n' "$version" "$verify" "$files" "$left"
`,
  );
  expect(found).toEqual({
    version: expect.stringMatching(/^holdfast \d/),
    verify: expect.stringContaining(': ok (v25.12, '),
    files: '7',
    left: '',
  });
});
