/** What a command has made for itself does not outlive it, also where a signal ends it. */

/** What ends a command from outside; the default is to die at once. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Works, then removes what the work made, whatever happens. A signal removes it first and then has its usual effect.
 * Not for a process that is about to become another program.
 */
export async function withCleanup<T>(pid: number, remove: () => void, work: () => Promise<T>): Promise<T> {
  const die = (signal: NodeJS.Signals) => {
    remove();
    process.removeListener(signal, die);
    process.kill(pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, die);
  try {
    return await work();
  } finally {
    remove();
    for (const signal of SIGNALS) process.removeListener(signal, die);
  }
}
