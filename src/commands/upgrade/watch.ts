/**
 * Says when something in an installation's directories changed, by inotify(7): nothing is done until then. It says only
 * that there is reason to look, not what happened; an event too many does no harm.
 */
import { type FSWatcher, lstatSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { systemError } from '../../errors.ts';
import type { SnapshotRecord } from '../../snapshot/store/record.ts';

/** Watches one installation at a time. */
export class UpgradeWatch {
  readonly #watchers: FSWatcher[] = [];
  readonly #onProblem: (error: Error) => void;
  #changed: Promise<void> = Promise.resolve();
  #note: () => void = () => undefined;

  /** @param onProblem told what cannot be watched: inotify's limits, a directory that may not be read */
  constructor(onProblem: (error: Error) => void) {
    this.#onProblem = onProblem;
  }

  /**
   * Watches what this snapshot was taken from, in place of what was watched before; what has happened until now is
   * forgotten. In the directory of lightningd, which is shared with all of a system's programs, only names that the
   * snapshot has count; of every link on the way to it, only the link.
   * @param named lightningd as the operator names it, before links are resolved
   */
  follow({ directories, files, lightningd }: SnapshotRecord, named: string): void {
    this.close();
    this.#changed = new Promise(resolve => {
      this.#note = resolve;
    });
    const programs = new Set(files.map(({ source }) => source));
    const shared = dirname(lightningd);
    for (const { path } of directories) {
      this.#watch(path, name => path !== shared || programs.has(`${shared}/${name}`));
    }
    for (const link of linksOnTheWay(named)) this.#watch(dirname(link), name => name === basename(link));
  }

  /** Settles when there is reason to look, at once where there has been one since `follow`. */
  changed(): Promise<void> {
    return this.#changed;
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.length = 0;
  }

  #watch(directory: string, counts: (name: string) => boolean): void {
    try {
      const watcher = watch(directory, (_event, name) => {
        // without a name it is the directory itself: removed, or moved
        if (name === null || name === basename(directory) || counts(name)) this.#note();
      });
      watcher.on('error', error => this.#onProblem(systemError('watch', directory, error)));
      this.#watchers.push(watcher);
    } catch (error) {
      this.#onProblem(
        systemError('watch', directory, error, {
          hint: 'ENOSPC and EMFILE are limits of inotify: sysctl fs.inotify.max_user_watches, fs.inotify.max_user_instances',
        }),
      );
    }
  }
}

/** Each prefix of a path that is a symbolic link: who switches it switches the installation. */
function linksOnTheWay(path: string): string[] {
  const parts = path.split('/').filter(Boolean);
  const prefixes = parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
  return prefixes.filter(prefix => lstatSync(prefix, { throwIfNoEntry: false })?.isSymbolicLink() === true);
}
