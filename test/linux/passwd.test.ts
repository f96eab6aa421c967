import { userInfo } from 'node:os';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePasswd, readUsers } from '../../src/linux/passwd.ts';

test('the first line for a uid wins, and malformed lines are passed over', () => {
  const text =
    'root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nbad line\n+nis::::::\nx:x:-1:0::/:/\nbitcoin:x:998:998:a b:/var/lib/bitcoin:\n';
  expect([...parsePasswd(text)]).toEqual([
    [0, { name: 'root', home: '/root' }],
    [998, { name: 'bitcoin', home: '/var/lib/bitcoin' }],
  ]);
});

test('never throws', () => {
  fc.assert(fc.property(fc.string(), text => void parsePasswd(text)));
});

test('knows the user that runs the test as getpwuid(3) does', ctx => {
  const users = readUsers();
  const uid = process.getuid!();
  if (!users.has(uid)) ctx.skip('this user is not in /etc/passwd');
  expect(users.get(uid)?.name).toBe(userInfo().username);
});

test('without the file there are no names', () => {
  expect(readUsers('/nonexistent/passwd').size).toBe(0);
});
