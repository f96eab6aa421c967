/** What verify says of pinned files, with this very process as the one that pins. */
import { closeSync, openSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readBootId } from '../../../src/linux/proc/boot-id.ts';
import { parseStat } from '../../../src/linux/proc/stat.ts';
import { verifySnapshot } from '../../../src/snapshot/verify/verify.ts';
import { copyOfSleep, Running } from '../../helpers/running.ts';
import { SOME_FILES, writeSnapshot } from '../../helpers/snapshots.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const HSMD = 'libexec/c-lightning/lightning_hsmd';
const OPENINGD = 'libexec/c-lightning/lightning_openingd';
const CLI = 'bin/lightning-cli';

/** A snapshot in which these files are pinned by us; `fds` are the descriptors, in their order. */
function pinnedSnapshot(...paths: string[]) {
  const dir = tempDir();
  const { path: snapshot } = writeSnapshot(join(dir, 'subdaemons'));
  const fds = paths.map((path, index) => {
    const source = join(dir, `source-${index}`);
    renameSync(join(snapshot, path), source);
    const fd = openSync(source, 'r');
    symlinkSync(`/proc/${process.pid}/fd/${fd}`, join(snapshot, path));
    return fd;
  });
  const open = new Set(fds);
  const close = (fd: number) => {
    if (open.delete(fd)) closeSync(fd);
  };
  onTestFinished(() => fds.forEach(close));
  const source = (path: string) => join(dir, `source-${paths.indexOf(path)}`);
  return { snapshot, fds, close, source };
}

/** Writes a record as a build does, with `pinnedBy`; every file at `pinned` is recorded as pinned. */
function writeRecord(
  snapshot: string,
  pinned: readonly string[],
  startTicks: string,
  identity = '',
  bootId = readBootId(),
) {
  const files = SOME_FILES.map(({ path }) => ({
    path,
    sha256: '',
    placement: pinned.includes(path) ? 'pin' : 'copy',
    source: `/usr/${path}`,
    sourceIs: '',
    placedIs: pinned.includes(path) ? identity : '',
  }));
  const record = {
    format: 'holdfast-record/2',
    bootId,
    upMs: 0,
    root: '0'.repeat(64),
    version: 'v25.12',
    lightningd: '/usr/bin/lightningd',
    named: '/usr/bin/lightningd',
    links: [],
    program: 'bin/lightningd',
    pinnedBy: { pid: process.pid, startTicks },
    directories: [],
    placedDirectories: [],
    manifestIs: '',
    sumsIs: '',
    files,
    answers: null,
  };
  writeFileSync(join(snapshot, '.record.json'), JSON.stringify(record));
}

function ownStart(): string {
  return `${parseStat(readFileSync('/proc/self/stat', 'latin1'))?.startTicks}`;
}

async function findings(snapshot: string) {
  const { report } = await verifySnapshot(snapshot);
  return { gone: report.gone, found: report.findings.map(({ path, check }) => [path, check]) };
}

it('a pinned file that can be reached is checked like any other', async () => {
  const { snapshot, source } = pinnedSnapshot(HSMD, OPENINGD);
  const { report } = await verifySnapshot(snapshot);
  expect(report).toMatchObject({ verdict: 'ok', gone: false, files: SOME_FILES.length });
  writeFileSync(source(HSMD), 'keeps the key?');
  expect(await findings(snapshot)).toEqual({ gone: false, found: [[HSMD, 'digests']] });
});

it('where all pins are closed while the process lives, the snapshot is gone: one finding, not one for each file', async () => {
  const { snapshot, fds, close } = pinnedSnapshot(HSMD, OPENINGD);
  writeRecord(snapshot, [HSMD, OPENINGD], ownStart());
  fds.forEach(close);
  const { report } = await verifySnapshot(snapshot);
  expect(report).toMatchObject({ verdict: 'finding', gone: true, files: SOME_FILES.length - 2 });
  expect(report.findings).toMatchObject([{ path: '.', check: 'pinned', found: 'none of them is open' }]);
});

it('one pin that is closed is a finding by itself', async () => {
  const { snapshot, fds, close } = pinnedSnapshot(HSMD, OPENINGD);
  close(fds[0]!);
  expect(await findings(snapshot)).toEqual({ gone: false, found: [[HSMD, 'pinned']] });
});

it('a process that got the number of one that has ended pins nothing', async () => {
  const { snapshot } = pinnedSnapshot(HSMD);
  writeRecord(snapshot, [HSMD], '1');
  expect(await findings(snapshot)).toEqual({ gone: true, found: [['.', 'pinned']] });
  writeRecord(snapshot, [HSMD], ownStart());
  expect(await findings(snapshot)).toEqual({ gone: false, found: [] });
});

it('a snapshot that was pinned before the machine booted is gone; where the boot is not known, the process decides', async () => {
  const { snapshot } = pinnedSnapshot(HSMD);
  writeRecord(snapshot, [HSMD], ownStart(), '', 'another boot');
  expect(await findings(snapshot)).toEqual({ gone: true, found: [['.', 'pinned']] });
  writeRecord(snapshot, [HSMD], ownStart(), '', '');
  expect(await findings(snapshot)).toEqual({ gone: false, found: [] });
});

it('a descriptor that leads to another file than the one that was pinned is no pin', async () => {
  const { snapshot } = pinnedSnapshot(HSMD, OPENINGD);
  writeRecord(snapshot, [HSMD, OPENINGD], ownStart(), '1:1:');
  const { report } = await verifySnapshot(snapshot);
  expect(report).toMatchObject({ gone: true, verdict: 'finding' });
});

it('a link to a descriptor in the place of a file that was not pinned is a symbolic link and a finding', async () => {
  const { snapshot } = pinnedSnapshot(CLI);
  writeRecord(snapshot, [HSMD], ownStart());
  expect(await findings(snapshot)).toEqual({ gone: false, found: [[CLI, 'files']] });
});

it('without a record a pin of a process that is no more is gone all the same', async () => {
  const { snapshot } = pinnedSnapshot(HSMD);
  rmSync(join(snapshot, HSMD));
  symlinkSync('/proc/2147483647/fd/20', join(snapshot, HSMD));
  expect(await findings(snapshot)).toEqual({ gone: true, found: [['.', 'pinned']] });
});

it('what is held by a process that cannot be seen is unknown while the snapshot is in use', async () => {
  const running = new Running();
  onTestFinished(() => running.end());
  const { snapshot } = pinnedSnapshot(HSMD);
  rmSync(join(snapshot, HSMD));
  symlinkSync('/proc/2147483647/fd/20', join(snapshot, HSMD));
  await running.start('flock', ['--shared', snapshot, copyOfSleep(join(running.directory(), 'sleep')), '60']);
  await expect
    .poll(async () => (await verifySnapshot(snapshot)).report.verdict, { timeout: 10_000, interval: 20 })
    .toBe('unknown');
  const { report } = await verifySnapshot(snapshot);
  expect(report).toMatchObject({ gone: false, findings: [], unknowns: [{ path: '.', check: 'pinned' }] });
});
