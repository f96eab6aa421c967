/** Root in another user's lightning-dir or store: what it makes there will be in that user's way. */
import { statSync } from 'node:fs';
import { systemError } from '../../errors.ts';
import { readUsers } from '../../linux/passwd.ts';
import type { Context } from '../context.ts';

/**
 * The name, or number, of the user whose directory root is about to write to; undefined for anybody but root, and
 * where the directory is root's own or not there yet.
 * @throws HoldfastError `SYSTEM` where it cannot be looked at
 */
export function foreignOwner(directory: string, uid: number): string | undefined {
  if (uid !== 0) return undefined;
  try {
    const owner = statSync(directory, { throwIfNoEntry: false })?.uid;
    return owner === undefined || owner === 0 ? undefined : (readUsers().get(owner)?.name ?? String(owner));
  } catch (error) {
    throw systemError('look at', directory, error);
  }
}

/** The words before a command that is to run as this user: runuser(1) knows none without a name, as in a container's image. */
export function asUser(name: string): string {
  return /^\d+$/.test(name)
    ? `setpriv --reuid=${name} --regid=${name} --clear-groups --`
    : `runuser -u ${name} --`;
}

/** The store was named, and may be meant so: a warning, where the lightning-dir is root's own. */
export function warnOfForeignStore(store: string, { uid, warn }: Pick<Context, 'uid' | 'warn'>): void {
  const name = foreignOwner(store, uid);
  if (name !== undefined)
    warn(`running as root in the store of ${name}: what root makes there will be in that user's way`);
}
