import { expect, test } from 'vitest';
import { mappedCode, parseMaps } from '../../../src/linux/proc/maps.ts';

const MAPS = `55d0c4a00000-55d0c4a02000 r--p 00000000 fd:01 1311 /usr/bin/lightningd
55d0c4a02000-55d0c4a07000 r-xp 00002000 fd:01 1311                       /usr/bin/lightningd
7f0a1c000000-7f0a1c021000 rw-p 00000000 00:00 0
7f0a20000000-7f0a20001000 r-xp 00000000 fd:01 42                         /usr/lib/libx.so.1.2 (deleted)
7f0a20001000-7f0a20002000 r-xp 00001000 fd:01 42                         /usr/lib/libx.so.1.2 (deleted)
7f0a30000000-7f0a30001000 r-xs 00000000 fd:01 43                         /odd name\\012of/liby.so
7f0a40000000-7f0a40001000 r--p 00000000 fd:01 44                         /usr/share/data
7ffd1b5e0000-7ffd1b5e2000 r-xp 00000000 00:00 0                          [vdso]
`;

test('what is mapped as code is listed once, with what is deleted told apart, and no data', () => {
  expect(parseMaps(MAPS)).toEqual([
    { path: '/usr/bin/lightningd', ino: 1311n, deleted: false },
    { path: '/usr/lib/libx.so.1.2', ino: 42n, deleted: true },
    { path: '/odd name\nof/liby.so', ino: 43n, deleted: false },
  ]);
});

test('our own program is among what we have mapped; of a process that is not there nothing is known', () => {
  expect(mappedCode(process.pid)?.map(({ path }) => path)).toContain(process.execPath);
  expect(mappedCode(2 ** 30)).toBeUndefined();
});
