/**
 * Says when an installation may have changed, and sleeps until then: inotify(7) for names and contents, for each
 * directory on the way that is moved, and for each link that is switched; poll(2) of /proc/self/mountinfo for what is
 * mounted over it. It says only that there is reason to look, not what happened; once too often does no harm.
 * What cannot be watched is tried again, and looked at meanwhile. Never throws, never ends by itself.
 */
import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { systemError } from '../../errors.ts';
import { type DirectoryEvent, INTEREST, Inotify } from '../../linux/files/inotify.ts';
import { POLL, waitForAny } from '../../linux/poll.ts';
import { makePipe } from '../../linux/process/spawn.ts';
import { sleep } from '../../linux/time.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';
import { stateOf } from './state.ts';
import { wayTo } from './way.ts';

/** How often to look, and to try to watch again, where not all can be watched, ms. */
const LOOK_MS = 10_000;
/** After a failure of the wait itself, ms. */
const PAUSE_MS = 1_000;

/** Which names of a directory count; `all`: whatever happens in it. */
type Names = Set<string> | 'all';

/** Watches one installation at a time. */
export class UpgradeWatch {
  readonly #onProblem: (error: Error) => void;
  readonly #counts = new Map<number, Names>();
  #inotify: Inotify | undefined;
  #mounts: number | undefined;
  /** closed, it ends the wait */
  #alarm: number | undefined;
  #record: SnapshotRecord | undefined;
  #named = '';
  #state = '';
  #slow: NodeJS.Timeout | undefined;
  #changed: Promise<void> = Promise.resolve();
  #note: () => void = () => undefined;

  /** @param onProblem told what cannot be watched: inotify's limits, a directory that may not be read */
  constructor(onProblem: (error: Error) => void) {
    this.#onProblem = onProblem;
  }

  /**
   * Watches what this snapshot was taken from, in place of what was watched before; what has happened until now is
   * forgotten.
   * @param named lightningd as the operator names it, before links are resolved
   */
  follow(record: SnapshotRecord, named: string): void {
    this.#record = record;
    this.#named = named;
    this.#changed = new Promise(resolve => {
      this.#note = resolve;
    });
    clearInterval(this.#slow);
    const isWhole = this.#begin() && this.#watchAll();
    this.#state = stateOf(record, named);
    this.#slow = isWhole ? undefined : setInterval(() => this.#lookAgain(), LOOK_MS);
  }

  /** Settles when there is reason to look, at once where there has been one since `follow`. */
  changed(): Promise<void> {
    return this.#changed;
  }

  close(): void {
    clearInterval(this.#slow);
    this.#record = undefined;
    if (this.#alarm !== undefined) closeSync(this.#alarm);
    this.#alarm = undefined;
  }

  /** Opens what is not open yet, and waits for it. @returns false where that failed */
  #begin(): boolean {
    try {
      this.#inotify ??= new Inotify();
      this.#mounts ??= openSync('/proc/self/mountinfo', 'r');
      this.#inotify.events(); // forgotten
      if (this.#alarm === undefined) {
        const [end, alarm] = makePipe();
        this.#alarm = alarm;
        void this.#wait(this.#inotify, this.#mounts, end);
      }
      return true;
    } catch (error) {
      this.#problem('watch', this.#named, error);
      return false;
    }
  }

  /** Sleeps, says when something counted, sleeps again; until `close`. */
  async #wait(inotify: Inotify, mounts: number, end: number): Promise<void> {
    const descriptors = [
      { fd: end, events: POLL.data },
      { fd: inotify.fd, events: POLL.data },
      { fd: mounts, events: POLL.exceptional },
    ];
    for (;;) {
      const [isOver, happened, mounted] = await waitForAny(descriptors);
      if (isOver || this.#record === undefined) break;
      if (!(happened || mounted) || !this.#take(inotify)) await sleep(PAUSE_MS);
      if (mounted) this.#compare();
    }
    closeSync(end);
    closeSync(mounts);
    inotify.close();
  }

  /** Takes the events there are. @returns false where they cannot be read */
  #take(inotify: Inotify): boolean {
    try {
      const events = inotify.events();
      if (events === 'too much' || events.some(event => this.#isOurs(event))) this.#note();
      return true;
    } catch (error) {
      this.#problem('watch', this.#named, error);
      this.#compare();
      return false;
    }
  }

  #isOurs({ watch, name }: DirectoryEvent): boolean {
    const names = this.#counts.get(watch);
    return names !== undefined && (name === '' || names === 'all' || names.has(name));
  }

  /** In place of what was watched: a directory may be another one by now. @returns false where not all of it can be watched */
  #watchAll(): boolean {
    const before = new Set(this.#counts.keys());
    let isWhole = true;
    this.#counts.clear();
    for (const [directory, { interests, names }] of this.#wanted(() => (isWhole = false))) {
      try {
        const watch = this.#inotify?.watch(directory, interests);
        if (watch === undefined) continue;
        this.#counts.set(watch, names);
        before.delete(watch);
      } catch (error) {
        isWhole = false;
        this.#problem('watch', directory, error);
      }
    }
    for (const watch of before) this.#unwatch(watch);
    return isWhole;
  }

  /**
   * The directories to watch, and for what. In the directory of lightningd, which is shared with all of a system's
   * programs, and where files lie that links lead to, only the names that the snapshot has count.
   */
  #wanted(onGap: () => void): Map<string, { interests: number; names: Names }> {
    const wanted = new Map<string, { interests: number; names: Names }>();
    const want = (directory: string, interests: number, names: Iterable<string> | 'all') => {
      const known = wanted.get(directory) ?? { interests: 0, names: new Set<string>() };
      const all = names === 'all' || known.names === 'all';
      wanted.set(directory, {
        interests: known.interests | interests,
        names: all ? 'all' : new Set([...known.names, ...names]),
      });
    };
    const { directories = [], files = [], lightningd = '' } = this.#record ?? {};
    const whole = new Set(directories.map(({ path }) => path).filter(path => path !== dirname(lightningd)));
    for (const path of whole) want(path, INTEREST.names | INTEREST.content, 'all');
    for (const { path, source } of files) {
      const names = [basename(source), basename(path)]; // a link in there has the name of its entry
      if (!whole.has(dirname(source))) want(dirname(source), INTEREST.names | INTEREST.content, names);
    }
    for (const path of [this.#named, ...wanted.keys()]) {
      const way = wayTo(path);
      if (!way.isDirectory) wanted.delete(path); // the name that is missing on the way is waited for
      for (const directory of way.directories) want(directory, INTEREST.self, []);
      for (const { directory, name } of way.names) want(directory, INTEREST.names, [name]);
      if (way.error === undefined) continue;
      this.#problem('follow', path, way.error);
      onGap();
    }
    return wanted;
  }

  #unwatch(watch: number): void {
    try {
      this.#inotify?.unwatch(watch);
    } catch (error) {
      this.#problem('watch', this.#named, error); // it goes on, and nothing that it says counts
    }
  }

  /** The slow look, where not all can be watched. */
  #lookAgain(): void {
    if (this.#begin() && this.#watchAll()) {
      clearInterval(this.#slow);
      this.#slow = undefined;
    }
    this.#compare();
  }

  #compare(): void {
    if (this.#record !== undefined && stateOf(this.#record, this.#named) !== this.#state) this.#note();
  }

  #problem(what: string, path: string, error: unknown): void {
    const hint =
      'ENOSPC and EMFILE are limits of inotify: sysctl fs.inotify.max_user_watches, fs.inotify.max_user_instances';
    this.#onProblem(systemError(what, path, error, { hint }));
  }
}
