/**
 * The processes that the parent of --on-upgrade has started and that have not ended: lightningd among them. Whatever
 * happens, `end` leaves none of them.
 */
import { type Again, startAgain } from '../../launch/again.ts';
import type { Inherited } from '../../launch/inherited.ts';
import { splitStrings } from '../../linux/proc/read-proc.ts';
import { type Ended, sendSignal, spawn, waitFor } from '../../linux/process/spawn.ts';
import { signalNumber } from '../../linux/process/state.ts';
import { within } from './within.ts';

/** How long anything may take to end when we are to end, ms. */
const END_MS = 4_000;

/** Starts children, and ends them. */
export class Children {
  readonly #inherited: Inherited;
  /** those that have not ended: PIDs, or negative ones for process groups */
  readonly #running = new Map<number, Promise<unknown>>();

  constructor(inherited: Inherited) {
    this.#inherited = inherited;
  }

  /** Starts `holdfast WORD…`, see startAgain. @throws SyscallError */
  startAgain(words: readonly Buffer[], output?: number): Again {
    return this.#track(startAgain(words, this.#inherited, output));
  }

  /** Runs a program with the caller's environment and more, its output on our standard error. @throws SyscallError */
  async run(path: string, argv: readonly string[], more: readonly string[]): Promise<Ended> {
    const environment = [
      ...splitStrings(this.#inherited.environment ?? Buffer.alloc(0)),
      ...more.map(variable => Buffer.from(variable)),
    ];
    const pid = spawn({
      path,
      argv: argv.map(word => Buffer.from(word)),
      environment,
      descriptors: [
        [0, 'null'],
        [1, 2],
        [2, 2],
      ],
      ownGroup: true,
    });
    return this.#track({ pid: -pid, ended: waitFor(pid) }).ended;
  }

  /** Sends all of them this signal, and SIGKILL to what is left after four seconds. */
  async end(signal: NodeJS.Signals): Promise<void> {
    for (const pid of this.#running.keys()) sendSignal(pid, signalNumber(signal));
    const all = Promise.allSettled(this.#running.values());
    if ((await within(END_MS, all)) !== 'time') return;
    for (const pid of this.#running.keys()) sendSignal(pid, signalNumber('SIGKILL'));
    await all;
  }

  #track<T extends { readonly pid: number; readonly ended: Promise<Ended> }>(child: T): T {
    this.#running.set(child.pid, child.ended);
    const forget = () => this.#running.delete(child.pid);
    child.ended.then(forget, forget);
    return child;
  }
}
