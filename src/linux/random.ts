/** getrandom(2), without node:crypto, which costs 10 ms to load (measured). */
import { call } from './libc.ts';

/** Random bytes, at most 256, for names that nobody else gives. @throws SyscallError */
export function randomBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  call('long getrandom(void *buffer, size_t length, unsigned int flags)', bytes, length, 0);
  return bytes;
}
