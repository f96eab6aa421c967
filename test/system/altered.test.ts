/** A hard link shares owner and mode with the installed file: what a recursive chown or chmod did to it is said. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { commandsToRestore } from '../../src/linux/packages.ts';
import { holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { readJson } from '../helpers/schema.ts';
import { ageDirectories, makeWorld, noCompiler, tempDir } from '../helpers/stand-in.ts';

const isRoot = process.geteuid?.() === 0;

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function statusJson(place: string) {
  const { status, stdout } = holdfast(['status', '--json', place]);
  return { status, report: readJson('status', stdout) };
}

test('nothing is said where nothing was changed, nor after the installation was replaced', () => {
  const { installed, place, words } = makeWorld();
  snapshotJson(words);
  expect(statusJson(place)).toMatchObject({ status: 0, report: { installed: { altered: [], remedy: [] } } });
  const hsmd = join(installed.libexec, 'lightning_hsmd');
  spawnSync('sh', ['-c', 'cp "$1" "$1.new" && chmod 700 "$1.new" && mv "$1.new" "$1"', 'sh', hsmd]);
  expect(statusJson(place).report.installed.altered).toEqual([]);
  expect(holdfast(['verify', place])).toMatchObject({ status: 0, stderr: '' });
});

test('nothing is said of a file that was replaced by one with the same content: it is no link of the snapshot any more', () => {
  const { installed, place, words } = makeWorld();
  const { path, files } = snapshotJson(words);
  const hsmd = join(installed.libexec, 'lightning_hsmd');
  spawnSync('sh', ['-c', 'cp -p "$1" "$1.new" && mv "$1.new" "$1"', 'sh', hsmd]);
  ageDirectories(installed.prefix);
  const placements = { hardlink: files - 1, reflink: 0, copy: 1 };
  expect(snapshotJson(words)).toMatchObject({ path, reused: true, placements });
  chmodSync(hsmd, 0o700); // a package manager's own doing, before it gives the file its mode
  expect(statusJson(place).report.installed.altered).toEqual([]);
  expect(holdfast(['verify', place])).toMatchObject({ status: 0, stderr: '' });
});

test('a data directory that was given to its user with all below takes the installation along: all commands say so', ctx => {
  if (!isRoot) ctx.skip('only root can give files away');
  const { dir, installed, lightningDir, place, words } = makeWorld();
  snapshotJson(words);
  spawnSync('chown', ['-R', `${ORDINARY_USER}:${ORDINARY_USER}`, lightningDir]);
  expect(statSync(installed.lightningd).uid).toBe(ORDINARY_USER); // the harm is done

  const { status, report } = statusJson(place);
  expect(status).toBe(1);
  expect(report.installed.altered).toContainEqual({
    path: installed.lightningd,
    expected: '0755 of 0:0',
    found: `0755 of ${ORDINARY_USER}:${ORDINARY_USER}`,
    throughLink: true,
  });
  const verified = holdfast(['verify', place]);
  expect(verified.status).toBe(1);
  expect(verified.stdout).toMatch(/owner or mode of the installed '.*lightningd'.* was changed/);

  for (const user of [ORDINARY_USER, undefined]) {
    const launch = holdfast(
      [
        'snapshot',
        `--snapshot-dir=${lightningDir}/subdaemons`,
        installed.lightningd,
        `--lightning-dir=${dir}/l${user}`,
      ],
      user === undefined ? {} : { user },
    );
    expect(launch.stderr).toMatch(/installed '.*' \(and \d+ more\) is 0755 of 12345:12345, not /);
    expect(launch.stderr).not.toMatch(/ch(own|mod) -R/);
    if (existsSync('/var/lib/dpkg/status')) expect(launch.stderr).toMatch(/apt-get install --reinstall/);
  }
});

test('chmod 600 of all files of a snapshot but lightningd: the launch that is refused says what it was, and how to mend it', () => {
  const { installed, words } = makeWorld();
  const { path } = snapshotJson(words);
  for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    if (lstatSync(join(path, name)).isFile() && name !== 'bin/lightningd') chmodSync(join(path, name), 0o600);
  }
  const refused = holdfast(['snapshot', '--settle=0', ...words]);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(/cannot be executed/);
  expect(refused.stderr).toMatch(/installed '.*' \(and \d+ more\) is 0600 of .*, not 0755/);
  spawnSync('chmod', ['-R', 'u=rwX,go=rX', installed.prefix]);
  for (const file of installed.files)
    if (/bin\/|lightning_|plugins\//.test(file)) chmodSync(join(installed.prefix, file), 0o755);
  expect(holdfast(['snapshot', '--settle=0', ...words]).status).toBe(0);
});

/** What `chmod -R 600` of a data directory does to the files in it. */
function takeExecuteBits(snapshot: string): void {
  for (const name of readdirSync(snapshot, { recursive: true, encoding: 'utf8' }))
    if (lstatSync(join(snapshot, name)).isFile()) chmodSync(join(snapshot, name), 0o600);
}

test.each(['run', 'run --or-plain', 'snapshot'])(
  'chmod 600 of all files of a snapshot: %s finds a lightningd that nobody may execute, and says at once what it was',
  command => {
    const { installed, words } = makeWorld();
    const { path } = snapshotJson(words);
    takeExecuteBits(path);
    const refused = holdfast([...command.split(' '), ...words]); // no wait for an upgrade: there is none
    expect(refused.status).toBe(command !== 'snapshot' ? 126 : 2);
    expect(refused.stderr).toContain(`cannot execute '${installed.lightningd}': permission denied (EACCES)`);
    expect(refused.stderr).toMatch(/installed '.*' \(and \d+ more\) is 0600 of .*, not 0755 .*hard link/);
    expect(refused.stderr).not.toMatch(/waiting up to|ch(own|mod) -R/);
    if (existsSync('/var/lib/dpkg/status')) expect(refused.stderr).toMatch(/apt-get install --reinstall/);
  },
);

test('chown of all files of a snapshot to somebody else: who may not execute the installed lightningd any more hears why', ctx => {
  if (!isRoot) ctx.skip('only root can give files away');
  const { installed, lightningDir, words, dir } = makeWorld();
  for (const file of installed.files)
    chmodSync(join(installed.prefix, file), statSync(join(installed.prefix, file)).mode & 0o700);
  spawnSync('chown', ['-R', `${ORDINARY_USER}:${ORDINARY_USER}`, dir]);
  snapshotJson(words, { user: ORDINARY_USER });
  spawnSync('find', [
    join(lightningDir, 'subdaemons'),
    '-type',
    'f',
    '-exec',
    'chown',
    '54321:54321',
    '{}',
    '+',
  ]);
  const refused = holdfast(['run', ...words], { user: ORDINARY_USER });
  expect(refused.status).toBe(126);
  expect(refused.stderr).toMatch(
    /is 0700 of 54321:54321, not 0700 of 12345:12345: changed through a hard link/,
  );
});

test('the same by its name in PATH, and for a dry run', () => {
  const { installed, words, place } = makeWorld();
  takeExecuteBits(snapshotJson(words).path);
  const PATH = `${dirname(installed.lightningd)}:${process.env.PATH}`;
  const refused = holdfast(['snapshot', '--settle=0', 'lightningd', place], {
    env: { ...process.env, PATH },
  });
  expect(refused.stderr).toMatch(/is 0600 of .*, not 0755/);
  const dry = holdfast(['snapshot', '--dry-run', ...words]);
  expect(dry.stderr).toMatch(/is 0600 of .*, not 0755/);
});

test('each package manager of the machine has a command, and none for a name that a shell could read otherwise', () => {
  const root = tempDir();
  expect(commandsToRestore('/usr/bin/lightningd', root)).toEqual([]);
  for (const directory of ['var/lib/dpkg', 'var/lib/rpm', 'usr/lib/sysimage/rpm', 'var/lib/pacman/local'])
    ensureDirSync(join(root, directory));
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  expect(commandsToRestore('/usr/bin/lightningd', root)).toEqual([
    'apt-get install --reinstall "$(dpkg -S /usr/bin/lightningd | cut -d: -f1)"',
    'p=$(rpm -qf /usr/bin/lightningd); rpm --setugids "$p"; rpm --setperms "$p"',
    'pacman -S "$(pacman -Qqo /usr/bin/lightningd)"',
  ]);
  for (const name of [
    '/usr/bin/a b',
    "/usr/bin/'",
    '/usr/bin/$(x)',
    '/usr/bin/a;b',
    '/usr/bin/`x`',
    '/usr/bin/a\nb',
  ])
    expect(commandsToRestore(name, root)).toEqual([]);
});
