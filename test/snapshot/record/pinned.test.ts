/** Pinned files as others see them. A node that pins: test/system/pin.test.ts. */
import { closeSync, openSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseStat } from '../../../src/linux/proc/stat.ts';
import { fileIdentity } from '../../../src/snapshot/record/identity.ts';
import { holderOf, openPlaced, pinAt, reach } from '../../../src/snapshot/record/pinned.ts';
import type { SnapshotRecord } from '../../../src/snapshot/record/record.ts';
import { start, tempDir } from '../../helpers/stand-in.ts';

/** A file that this process holds open, and the link of a snapshot that leads there. */
function makePinned() {
  const dir = tempDir();
  const [file, link] = [join(dir, 'file'), join(dir, 'link')];
  writeFileSync(file, 'pinned');
  const fd = openSync(file, 'r');
  symlinkSync(`/proc/${process.pid}/fd/${fd}`, link);
  return { dir, file, link, fd, pin: { pid: process.pid, fd } };
}

/** A record that names this process, as it is now but for what is given. */
const recordOf = (pid: number, startTicks: string, bootId = 'this boot') =>
  ({ bootId, pinnedBy: { pid, startTicks } }) as SnapshotRecord;

const startOf = (pid: number) => `${parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.startTicks}`;

test('a pin is a link to a descriptor, and nothing else is', () => {
  const { dir, file, link, fd, pin } = makePinned();
  onTestFinished(() => closeSync(fd));
  expect(pinAt(link)).toEqual(pin);
  const odd = [
    '/proc/self/fd/3',
    '/proc/0/fd/3',
    '/proc/1/fd/03',
    '/proc/1/exe',
    '../proc/1/fd/3',
    '/proc/1/fd/3/x',
  ];
  for (const [n, target] of odd.entries()) {
    symlinkSync(target, join(dir, `${n}`));
    expect([target, pinAt(join(dir, `${n}`))]).toEqual([target, undefined]);
  }
  expect([pinAt(file), pinAt(join(dir, 'none'))]).toEqual([undefined, undefined]);
});

test('it leads to the file that was pinned, whatever has its name by now, until it is closed', () => {
  const { file, link, fd, pin } = makePinned();
  const identity = fileIdentity(file);
  writeFileSync(`${file}.new`, 'upgraded');
  renameSync(`${file}.new`, file);
  expect([reach(pin, identity), reach(pin, '')]).toEqual([
    { stat: expect.anything() },
    { stat: expect.anything() },
  ]);
  const opened = openPlaced(link);
  expect(readFileSync(opened, 'utf8')).toBe('pinned');
  closeSync(opened);
  expect(reach(pin, fileIdentity(file))).toEqual({ found: 'another file' });
  closeSync(fd);
  expect(reach(pin, identity)).toEqual({ found: 'nothing' });
});

test('no other link is followed', () => {
  const { dir, file, fd } = makePinned();
  onTestFinished(() => closeSync(fd));
  symlinkSync(file, join(dir, 'other'));
  expect(() => openPlaced(join(dir, 'other'))).toThrow(expect.objectContaining({ code: 'ELOOP' }));
});

test('who holds it is known by number, start and boot', async () => {
  const holder = start('sleep', ['60']);
  const { pid } = holder;
  const ticks = startOf(pid);
  const pin = { pid, fd: 3 };
  const asked = [
    recordOf(pid, ticks),
    recordOf(pid, ticks, ''), // where the boot cannot be read, the start has to do
    undefined,
    recordOf(pid, `${Number(ticks) + 1}`),
    recordOf(pid, ticks, 'boot before'),
    recordOf(process.pid, ticks),
  ];
  const answers = () => asked.map(record => holderOf(pin, record, 'this boot'));
  expect(answers()).toEqual(['here', 'here', 'here', 'ended', 'ended', 'ended']);
  process.kill(pid);
  await holder.ended;
  expect(answers()).toEqual(Array(6).fill('ended'));
});
