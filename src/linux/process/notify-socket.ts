/** sd_notify(3): tells the service manager how we are, by one datagram. Node has no sockets of that kind. */
import { closeSync } from 'node:fs';
import { call } from '../libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** sizeof(sun_path), unix(7) */
const PATH_BYTES = 108;

/**
 * Sends `STATUS=<text>` to a NOTIFY_SOCKET: a path, or an abstract name behind `@`.
 * @throws SyscallError where nobody listens, or our status is not accepted; nothing else depends on it
 */
export function notifyStatus(socket: string, text: string): void {
  const name = Buffer.from(socket.replace(/^@/, '\0'));
  if (!/^[@/]/.test(socket) || name.length >= PATH_BYTES) return; // vsock: and the like: not ours to reach
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  const message = Buffer.from(`STATUS=${text.replaceAll('\n', ' ')}`);
  const fd = call('int socket(int domain, int type, int protocol)', AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  try {
    call(
      'long sendto(int fd, const void *buffer, size_t length, int flags, const void *address, unsigned int size)',
      fd,
      message,
      message.length,
      MSG_NOSIGNAL,
      address,
      address.length,
    );
  } finally {
    closeSync(fd);
  }
}
