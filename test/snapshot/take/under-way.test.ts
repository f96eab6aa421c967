/** Which failures of an attempt mean that an upgrade is under way. */
import { expect, test } from 'vitest';
import { HoldfastError } from '../../../src/errors.ts';
import type { Directory } from '../../../src/linux/files/directory.ts';
import type { Source } from '../../../src/snapshot/take/source.ts';
import { isPassing, underWayError } from '../../../src/snapshot/take/under-way.ts';

const store = { path: '/node/store' } as Directory;
const installation = { store, source: { identity: undefined } as Source };
const archive = { store, source: { identity: '1:2:3' } as Source };

const failed = (code: 'BAD_SOURCE' | 'SYSTEM' | 'UNREADABLE' | 'GATE', errno: string, path: string) =>
  new HoldfastError(code, 'x', { errno, path });

test.each([
  ['a file that was listed and is gone', failed('BAD_SOURCE', 'ENOENT', '/opt/cln/bin/lightningd'), true],
  ['another file than was listed', failed('BAD_SOURCE', 'ESTALE', '/opt/cln/bin/lightningd'), true],
  ['a file that is none to take', failed('BAD_SOURCE', 'EACCES', '/opt/cln/bin/lightningd'), false],
  ['a call that finds a file gone', failed('SYSTEM', 'ENOENT', '/opt/cln/bin'), true],
  [
    'a call that finds a file in the place of a directory',
    failed('UNREADABLE', 'ENOTDIR', '/opt/cln/bin'),
    true,
  ],
  ['a call that fails for another reason', failed('SYSTEM', 'EIO', '/opt/cln/bin'), false],
  ['a file of the store that is gone', failed('SYSTEM', 'ENOENT', '/node/store/.lock'), false],
  ['a process that is gone', failed('SYSTEM', 'ENOENT', '/proc/1/exe'), false],
  ['what the gate says', failed('GATE', 'ENOENT', '/opt/cln/bin'), false],
  ['an error that is none of ours', new Error('ENOENT'), false],
])('%s', (_what, error, expected) => {
  expect(isPassing(error, installation)).toBe(expected);
});

test('an archive is not upgraded in place: of it a file that is gone is an error', () => {
  expect(isPassing(failed('SYSTEM', 'ENOENT', '/releases/cln.tar.xz'), archive)).toBe(false);
});

test('what it is called in the end keeps the path and the hints, and says to wait', () => {
  const cause = new HoldfastError('BAD_SOURCE', 'it is gone', { path: '/opt/cln', hint: 'look' });
  expect(underWayError(cause)).toMatchObject({
    code: 'GATE',
    message: 'an upgrade seems to be under way: it is gone',
    path: '/opt/cln',
    hints: ['look', 'wait until the upgrade is complete, then try again'],
    cause,
  });
});
