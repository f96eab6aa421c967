import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lostByCopy } from '../../../src/commands/take/lost-by-copy.ts';
import { makeRecord } from '../../../src/snapshot/record/record.ts';
import { tempDir } from '../../helpers/stand-in.ts';

test('an AppArmor profile that is bound to the path of lightningd is said; without one nothing is', () => {
  const profiles = tempDir();
  const record = makeRecord({
    bootId: '',
    root: '0'.repeat(64),
    version: 'v25.12',
    lightningd: '/usr/bin/lightningd',
    named: '/usr/bin/lightningd',
    links: [],
    program: 'bin/lightningd',
    directories: [],
    placedDirectories: [],
    manifestIs: '',
    sumsIs: '',
    files: [],
    answers: null,
  });
  expect(lostByCopy(record, profiles)).toEqual([]);
  writeFileSync(join(profiles, 'usr.bin.lightningd'), '');
  expect(lostByCopy(record, profiles)).toEqual([
    expect.stringContaining("usr.bin.lightningd' is bound to '/usr/bin/lightningd'"),
  ]);
});
