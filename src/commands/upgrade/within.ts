/** Waiting with a limit. Pure. */

/** What `promise` gives, or `time` where that takes longer. */
export function within<T>(ms: number, promise: Promise<T>): Promise<T | 'time'> {
  if (!Number.isFinite(ms)) return promise;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('time'), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
