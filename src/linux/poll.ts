/** poll(2): sleeps until a descriptor has something, on one of libuv's threads. For what Node's own loop cannot watch. */
import { libc } from './libc.ts';

/** What to wait for: data, or what poll(2) calls exceptional (a change of /proc/self/mountinfo). */
export const POLL = { data: 1, exceptional: 2 } as const;

type PollFunction = { async(...args: [...unknown[], (error: Error | null, result: number) => void]): void };

/** struct pollfd: int fd, short events, short revents */
const POLLFD_BYTES = 8;
const [EVENTS_AT, REVENTS_AT] = [4, 6];

/**
 * Waits until one of them has something, or an end that was closed. Do not exit before it settles: Node waits for the
 * thread. A pipe of which the other end is closed then is the way to have it settle.
 * @returns of each descriptor whether it has something; none: the call failed, try again later
 */
export async function waitForAny(
  descriptors: readonly { readonly fd: number; readonly events: number }[],
): Promise<boolean[]> {
  const table = new ArrayBuffer(descriptors.length * POLLFD_BYTES); // Buffer.alloc() may lie unaligned in a pool
  for (const [index, { fd, events }] of descriptors.entries()) {
    new Int32Array(table, index * POLLFD_BYTES, 1)[0] = fd;
    new Int16Array(table, index * POLLFD_BYTES + EVENTS_AT, 1)[0] = events;
  }
  const poll = libc('int poll(void *table, unsigned long count, int timeout)') as unknown as PollFunction;
  await new Promise<void>(resolve => poll.async(Buffer.from(table), descriptors.length, -1, () => resolve()));
  return descriptors.map((_, index) => new Int16Array(table, index * POLLFD_BYTES + REVENTS_AT, 1)[0] !== 0);
}
