/** Access control lists (acl(5)) on a data directory: through hard links they reach what is installed, and a default one what is made there. */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { readJson } from '../helpers/schema.ts';
import { makeWorld, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noAcl();
  if (reason !== undefined) ctx.skip(reason);
});

/** Why there are none here; undefined: there are. */
function noAcl(): string | undefined {
  const file = join(tempDir(), 'file');
  writeFileSync(file, '');
  const { error, status } = spawnSync('setfacl', ['-m', `u:${ORDINARY_USER}:rwx`, file]);
  if (error !== undefined) return 'setfacl (package acl) is not installed';
  return status === 0 ? undefined : 'the file system of the temporary directory has no ACLs';
}

function setAcl(...words: string[]): void {
  const { status, stderr } = spawnSync('setfacl', words, { encoding: 'utf8' });
  expect(`${status} ${stderr}`).toBe('0 ');
}

const modeOf = (path: string) => (lstatSync(path).mode & 0o7777).toString(8);

/** The modes of all that holdfast makes at and below a store, but for symbolic links. */
function modesIn(store: string): Record<string, string> {
  const names = ['.', ...readdirSync(store, { recursive: true, encoding: 'utf8' })];
  const own = names.filter(name => !lstatSync(join(store, name)).isSymbolicLink());
  return Object.fromEntries(own.map(name => [name, modeOf(join(store, name))]));
}

test('setfacl -R of a data directory shows in the modes of what is installed: status, verify and the next launch say so, and that goes on', () => {
  const { installed, lightningDir, place, words } = makeWorld();
  const { path } = snapshotJson(words);
  expect(statSync(path).nlink).toBeGreaterThan(1);
  setAcl('-R', '-m', `u:${ORDINARY_USER}:rwx`, lightningDir);
  expect(modeOf(installed.lightningd)).toBe('775'); // the harm is done: the mask stands where the group's bits do

  const { status, stdout } = holdfast(['status', '--json', place]);
  expect(status).toBe(1);
  const report = readJson('status', stdout);
  expect(report.installed.altered).toContainEqual(
    expect.objectContaining({
      path: installed.lightningd,
      expected: expect.stringMatching(/^0755 of/),
      found: expect.stringMatching(/^0775 of/),
      throughLink: true,
    }),
  );
  if (existsSync('/var/lib/dpkg/status')) expect(report.installed.remedy.join()).toMatch(/apt-get install/);
  const verified = holdfast(['verify', place]);
  expect(verified.status).toBe(1);
  expect(verified.stdout).toMatch(/owner or mode of the installed '.*lightningd'.* was changed/);

  const store = join(lightningDir, 'subdaemons');
  const refused = holdfast(['snapshot', ...words]);
  expect(refused.status).toBe(2);
  expect(refused.stderr).toContain(`chmod go-w '${store}'`); // as for a store that anybody made writable
  spawnSync('chmod', ['go-w', store]);
  const next = holdfast(['snapshot', '--json', ...words]);
  expect(next.stderr).toMatch(/installed '.*' \(and \d+ more\) is 0775 of .*, not 0755 .*hard link/);
  const made = JSON.parse(next.stdout); // under another name: files of data have execute bits by now
  expect(made).toMatchObject({ reused: false, placements: { hardlink: 0 } });
  expect(holdfast(['verify', place])).toMatchObject({ status: 0 });
  expect(snapshotJson(words)).toMatchObject({ path: made.path, reused: true });
});

test.each([
  ['that gives somebody all', `u:${ORDINARY_USER}:rwx`],
  ['that gives the group all', 'g::rwx'],
  ['that leaves others nothing', 'o::---'],
])(
  'a default ACL of the lightning-dir %s: what is made there has its own modes, and is used again',
  (_what, entry) => {
    const { installed, lightningDir, place, words } = makeWorld();
    const plain = join(lightningDir, '..', 'plain');
    snapshotJson(['--method=copy', installed.lightningd, `--lightning-dir=${plain}`]);
    mkdirSync(lightningDir, { mode: 0o700 });
    setAcl('-d', '-m', entry, lightningDir);
    const { path } = snapshotJson(['--method=copy', ...words]);
    const [with_, without] = [join(lightningDir, 'subdaemons'), join(plain, 'subdaemons')].map(modesIn);
    expect(with_).toEqual(without);
    expect(snapshotJson(['--method=copy', ...words])).toMatchObject({ path, reused: true });
    expect(holdfast(['verify', place]).status).toBe(0);
    const linked = snapshotJson(words);
    expect(snapshotJson(words)).toMatchObject({ path: linked.path, reused: true });
  },
);

test('a default ACL that comes later, on all directories: the snapshot is used, or built anew, and then used', () => {
  const { lightningDir, place, words } = makeWorld();
  snapshotJson(words);
  setAcl('-R', '-d', '-m', `u:${ORDINARY_USER}:rwx`, lightningDir);
  const { path } = snapshotJson(words);
  expect(snapshotJson(words)).toMatchObject({ path, reused: true });
  expect(holdfast(['verify', place])).toMatchObject({ status: 0, stderr: '' });
});
