/** Where the store is a fallback, the store that cannot hold programs leads there. */
import { setCurrent } from '../store/current.ts';
import { listStore } from '../store/store.ts';
import { wipe } from '../store/wipe.ts';
import type { Plan } from './terms.ts';
import { type NamedStep, performBeside } from './work.ts';

/**
 * Points a store that cannot hold programs to the snapshot in a fallback, by an absolute path, and wipes what it still
 * has from before: whoever looks for the snapshot looks here first.
 * @returns what could not be wiped, for the operator
 */
export async function pointTo(plan: Plan, path: string): Promise<readonly string[]> {
  const { warnings } = await performBeside(plan, [lead(path)]);
  return warnings;
}

function lead(path: string): NamedStep {
  return {
    name: 'lock',
    run: async work => {
      await work.lock();
      setCurrent(work.store, path, work.terms.pid);
      await wipe(work.store, listStore(work.store).snapshots, work.warnings);
      return undefined;
    },
  };
}
