/** Locks of other processes, by flock(1). */
import { until, works } from './running.ts';
import { type Running, start } from './stand-in.ts';

const WORDS = { shared: '-s', exclusive: '-x' } as const;

/** A process that holds a lock on a file or directory until it is ended; at the latest after the test. */
export async function holdLock(path: string, kind: keyof typeof WORDS = 'exclusive'): Promise<Running> {
  const holder = start('flock', ['-F', WORDS[kind], path, 'sh', '-c', 'echo held; exec sleep 60']);
  await until('the lock', () => holder.output().includes('held'));
  return holder;
}

/** Could another process have such a lock now? */
export function canLock(path: string, kind: keyof typeof WORDS = 'exclusive'): boolean {
  return works('flock', '-n', WORDS[kind], path, 'true');
}
