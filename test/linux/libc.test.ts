import { expect, test } from 'vitest';
import { call, SyscallError } from '../../src/linux/libc.ts';

test('a failed call is thrown as Node words its own: code, words of the errno, name of the call', () => {
  expect(() => call('int dup(int fd)', -1)).toThrow('EBADF: bad file descriptor, dup');
});

test('an errno that libuv does not know has the words of libc', () => {
  const { code, message } = new SyscallError('execve', 8);
  expect([code, message]).toEqual(['ENOEXEC', 'ENOEXEC: exec format error, execve']);
});

test('what the call answers is given back', () => {
  expect(call('int getpid()')).toBe(process.pid);
});
