/** What root executes and believes where another user has the word: nothing that this user names. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { readJsonSync } from 'fs-extra/esm';
import { beforeEach, expect, test } from 'vitest';
import { fingerprint, holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? (process.geteuid?.() === 0 ? undefined : 'only root has others to mistrust');
  if (reason !== undefined) ctx.skip(reason);
});

/** Gives a tree away. */
function chownTree(path: string, user: number): void {
  spawnSync('chown', ['-hR', `${user}:${user}`, path]);
}

/** An ordinary user's lightning-dir with a snapshot of his own installation, both his. */
function makeUsersNode(version = 'v25.12') {
  const dir = tempDir();
  const home = join(dir, 'home');
  mkdirSync(home);
  const installed = makeCInstallation(home, version);
  chownTree(home, ORDINARY_USER);
  const place = `--lightning-dir=${join(home, 'lightning')}`;
  const snapshot = snapshotJson([installed.lightningd, place], { user: ORDINARY_USER });
  return { dir, home, installed, place, snapshot, record: join(snapshot.path, '.record.json') };
}

/** Rewrites the record as its owner could. */
function forge(record: string, changes: object): void {
  const forged = { ...readJsonSync(record), ...changes };
  writeFileSync(record, JSON.stringify(forged));
}

/** A program that leaves a trace when it is executed, and claims a version. */
function writeTrap(path: string, mark: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, `#!/bin/sh\n: > '${mark}'\necho v99.99\n`);
  chmodSync(path, 0o755);
}

test("an installation of the node's own user is compared, and root asks none of its programs", () => {
  const { home, installed, place, snapshot } = makeUsersNode();
  const next = makeCInstallation(join(home, 'next'), 'v26.03');
  rmSync(installed.prefix, { recursive: true });
  renameSync(next.prefix, installed.prefix);
  chownTree(home, ORDINARY_USER);
  const { stdout } = holdfast(['status', '--json', place]);
  expect(JSON.parse(stdout)).toMatchObject({
    installed: { version: 'v26.03', lightningd: installed.lightningd },
    snapshots: [{ root: snapshot.root, version: 'v25.12' }],
  });
});

test('no command of root executes what a record, a snapshot or an installation of another user names', () => {
  const { dir, home, installed, place, snapshot, record } = makeUsersNode();
  const mark = join(dir, 'executed');
  chmodSync(dir, 0o777); // whoever executes it can leave the mark
  writeTrap(installed.lightningd, mark);
  for (const name of readdirSync(installed.libexec)) {
    if (name.startsWith('lightning_')) writeTrap(join(installed.libexec, name), mark);
  }
  cpSync(installed.lightningd, join(snapshot.path, 'bin/lightningd'));
  chownTree(home, ORDINARY_USER);
  const evil = join(home, 'lightning/subdaemons/aaaaaaaaaaaaaaaa');
  cpSync(snapshot.path, evil, { recursive: true });
  forge(join(evil, '.record.json'), { root: 'a'.repeat(64), named: join(home, 'usr/bin/lightningd') });
  forge(record, { files: readJsonSync(record).files.slice(0, 1) });
  chownTree(home, ORDINARY_USER);

  const words = [
    ['status', place],
    ['status', '--openmetrics', place],
    ['verify', place],
    ['verify', '--running', place],
    ['verify', evil],
    ['guard', '--', installed.lightningd],
    ['guard', '--after', '--', installed.lightningd],
    ['root', snapshot.path],
    ['root', installed.prefix],
    ['prove', join(snapshot.path, 'bin/lightningd')],
    ['export', snapshot.path, join(dir, 'out.tar.gz')],
    ['noexec-check', place],
    ['doctor', place],
  ];
  for (const command of words) {
    const { status } = holdfast(command);
    expect(status, command.join(' ')).not.toBeNull();
    expect(existsSync(mark), `${command.join(' ')} executed it`).toBe(false);
  }
  spawnSync(installed.lightningd);
  expect(existsSync(mark)).toBe(true); // it would have shown
});

test('what others than the writer of a record and root can change is not believed to be an installation', () => {
  const { dir, place, record } = makeUsersNode();
  const elsewhere = makeCInstallation(join(dir, 'elsewhere'), 'v99.99');
  chownTree(join(dir, 'elsewhere'), ORDINARY_USER + 1);
  forge(record, { named: elsewhere.lightningd, lightningd: elsewhere.lightningd });
  const { status, stdout } = holdfast(['status', '--json', place]);
  expect(status).not.toBe(1);
  expect(JSON.parse(stdout).installed).toMatchObject({
    version: null,
    root: null,
    reason: expect.stringMatching(/user 12345 wrote .*elsewhere.*others can change/),
  });
});

test.each<[string, (path: string) => void]>([
  ['a FIFO', path => spawnSync('mkfifo', [path])],
  ['a device', path => symlinkSync('/dev/zero', path)],
  ['a link in circles', path => symlinkSync(path, path)],
  ['a directory', path => mkdirSync(path)],
])('%s in the place of the lightningd that a record names makes status wait for nothing', (_what, put) => {
  const { home, installed, place } = makeUsersNode();
  rmSync(installed.lightningd);
  put(installed.lightningd);
  chownTree(home, ORDINARY_USER);
  const { stdout } = holdfast(['status', '--json', place]);
  expect(JSON.parse(stdout).installed).toMatchObject({ root: null, reason: expect.any(String) });
});

test('root that takes a snapshot in the store of a user is told whose way it will be in', () => {
  const { dir, home, installed } = makeUsersNode();
  const store = `--snapshot-dir=${join(home, 'lightning/subdaemons')}`;
  const words = [store, installed.lightningd, `--lightning-dir=${join(dir, 'own')}`];
  const warning = /^holdfast: warning: running as root in the store of .*: what root makes there/;
  expect(holdfast(['snapshot', ...words])).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(warning),
  });
  const refused = holdfast(['run', `--expect-root=${'0'.repeat(64)}`, ...words]);
  expect(refused).toMatchObject({ status: 125, stderr: expect.stringMatching(warning) });
});

test('looking as root changes nothing of the user', () => {
  const { dir, home, place, snapshot } = makeUsersNode();
  const before = fingerprint(home);
  for (const command of [
    ['status', place],
    ['verify', place],
    ['export', snapshot.path, join(dir, 'a.tar.gz')],
  ]) {
    expect(holdfast(command).status).toBe(0);
  }
  expect(fingerprint(home)).toEqual(before);
});

test("root's launch in a user's lightning-dir links nothing, and says what to do about a store of root's", () => {
  const { dir, home } = makeUsersNode();
  const ours = makeCInstallation(join(dir, 'of-root'), 'v25.12');
  const other = join(home, 'other');
  mkdirSync(other);
  chownSync(other, ORDINARY_USER, ORDINARY_USER);
  // as a launch by root leaves it
  const store = join(other, 'subdaemons');
  mkdirSync(store);
  const snapshot = snapshotJson([`--snapshot-dir=${store}`, ours.lightningd, `--lightning-dir=${dir}/root`]);
  expect(snapshot.placements).toMatchObject({ hardlink: 0 });
  const refused = holdfast(['snapshot', ours.lightningd, `--lightning-dir=${other}`], {
    user: ORDINARY_USER,
  });
  expect(refused.stderr).toMatch(/belongs to user 0/);
  expect(refused.stderr).toMatch(/rm -r/);
  expect(refused.stderr).not.toMatch(/ch(own|mod) -R/);
});

test('root does not run a snapshot of another user that is named by --use', () => {
  const { installed, place, snapshot } = makeUsersNode();
  const { status, stderr } = holdfast(['run', `--use=${snapshot.path}`, installed.lightningd, place]);
  expect(status).toBe(125);
  expect(stderr).toMatch(/could be changed by others, or was made by them/);
});
