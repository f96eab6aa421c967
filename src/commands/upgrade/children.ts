/**
 * The processes that the parent of --on-upgrade has started and that have not ended: lightningd among them. Whatever
 * happens, `end` leaves none of them, and nothing is started after it. With PID 1 it also takes the ends of processes
 * whose parents have gone, as init does: they would stay as zombies.
 *
 * Nobody sleeps in waitpid(2): SIGCHLD wakes Node's loop, so that no end of ours waits for a child's.
 */
import { HoldfastError, systemError } from '../../errors.ts';
import { startAgain } from '../../launch/again.ts';
import type { Inherited } from '../../launch/inherited.ts';
import { splitStrings } from '../../linux/proc/read-proc.ts';
import { type Ended, isThere, reapAny, sendSignal, spawn } from '../../linux/process/spawn.ts';
import { signalNumber } from '../../linux/process/state.ts';
import { within } from './within.ts';

/** How long anything may take to end when we are to end, and to be gone after SIGKILL, ms. */
const END_MS = 4_000;
const GONE_MS = 500;
/** How long a program whose time is over has to end by SIGTERM, ms. */
const TERM_MS = 2_000;
/** When the ends of children are asked for again, after that failed, ms. */
const REAP_AGAIN_MS = 1_000;
/** The longest that setInterval takes, ms: 24 days. */
const LONG_MS = 2 ** 31 - 1;

/** A process that was started. */
export interface Child {
  readonly pid: number;
  /** never rejects */
  readonly ended: Promise<Ended>;
}

/** A program to run beside the node. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
  /** NAME=VALUE, more than the caller's environment, or in its place */
  readonly more?: readonly string[];
  readonly environment?: readonly Buffer[] | undefined;
  /** a descriptor of ours for its standard output, and it gets no standard error; without, both are our standard error */
  readonly output?: number | undefined;
}

interface Tracked {
  readonly child: Child;
  /** the PID, or negative for its process group */
  readonly target: number;
  readonly settle: (ended: Ended) => void;
  /** its time is over: nothing of its group shall outlive it */
  isOverdue: boolean;
}

/** Starts children, and ends them. */
export class Children {
  readonly #inherited: Inherited;
  readonly #onProblem: (error: Error) => void;
  readonly #running = new Map<number, Tracked>();
  readonly #awake: NodeJS.Timeout;
  readonly #reapNow = (): void => this.#reap();
  #isOver = false;

  /** @param onProblem told what goes wrong and is tried again */
  constructor(inherited: Inherited, onProblem: (error: Error) => void) {
    this.#inherited = inherited;
    this.#onProblem = onProblem;
    process.on('SIGCHLD', this.#reapNow);
    this.#awake = setInterval(() => undefined, LONG_MS); // Node ends when nothing is waited for, and signals do not count
  }

  /**
   * Starts `holdfast WORD…`, see startAgain.
   * @returns the child, and when it has become another program or has ended
   * @throws SyscallError
   */
  startAgain(words: readonly Buffer[], output?: number): Child & { readonly became: Promise<void> } {
    this.#refuseAfterEnd();
    const { pid, became } = startAgain(words, this.#inherited, output);
    return { ...this.#track(pid, pid), became };
  }

  /** Runs a program in a process group of its own, to its end or for so long, ms. @throws SyscallError */
  async run(
    { path, argv, environment, more = [], output }: Program,
    limitMs: number,
  ): Promise<Ended | 'time'> {
    this.#refuseAfterEnd();
    const own = environment ?? splitStrings(this.#inherited.environment ?? Buffer.alloc(0));
    const pid = spawn({
      path,
      argv: argv.map(word => Buffer.from(word)),
      environment: [...own, ...more.map(variable => Buffer.from(variable))],
      descriptors: [
        [0, 'null'],
        [1, output ?? 2],
        [2, output === undefined ? 2 : 'null'],
      ],
      ownGroup: true,
    });
    return this.limit(this.#track(pid, -pid), limitMs);
  }

  /** How a child ends by itself; `time`: it had to be ended. */
  async limit(child: Child, limitMs: number): Promise<Ended | 'time'> {
    const ended = await within(limitMs, child.ended);
    if (ended !== 'time') return ended;
    const tracked = this.#running.get(child.pid);
    if (tracked !== undefined) tracked.isOverdue = true;
    this.#signal(child.pid, 'SIGTERM');
    if ((await within(TERM_MS, child.ended)) === 'time') this.#signal(child.pid, 'SIGKILL');
    await within(GONE_MS, child.ended);
    return 'time';
  }

  /** Sends one of them a signal, if it has not ended. */
  signal({ pid }: Child, signal: NodeJS.Signals): void {
    this.#signal(pid, signal);
  }

  /** Sends all of them this signal, and SIGKILL to what is left after four seconds. Nothing is started any more. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#isOver = true;
    const pids = [...this.#running.keys()];
    const all = Promise.all([...this.#running.values()].map(({ child }) => child.ended));
    for (const pid of pids) this.#signal(pid, signal);
    if ((await within(END_MS, all)) !== 'time') return;
    for (const pid of pids) this.#signal(pid, 'SIGKILL');
    await within(GONE_MS, all); // one in an uninterruptible sleep ends when the kernel lets it
  }

  /** Is this one of them? */
  has(pid: number): boolean {
    return this.#running.has(pid);
  }

  close(): void {
    clearInterval(this.#awake);
    process.off('SIGCHLD', this.#reapNow);
  }

  #refuseAfterEnd(): void {
    if (this.#isOver)
      throw new HoldfastError('SYSTEM', 'nothing is started any more: holdfast is about to end');
  }

  #track(pid: number, target: number): Child {
    let settle: (ended: Ended) => void = () => undefined;
    const ended = new Promise<Ended>(resolve => {
      settle = resolve;
    });
    const child = { pid, ended };
    this.#running.set(pid, { child, target, settle, isOverdue: false });
    return child;
  }

  /** While it is tracked its end has not been taken, so the number is nobody else's. */
  #signal(pid: number, signal: NodeJS.Signals): void {
    const tracked = this.#running.get(pid);
    if (tracked === undefined) return;
    try {
      sendSignal(tracked.target, signalNumber(signal));
    } catch (error) {
      this.#onProblem(systemError('send a signal to', `process ${pid}`, error));
    }
  }

  #reap(): void {
    try {
      for (;;) {
        const reaped = reapAny();
        if (reaped === 'none yet') return;
        if (reaped === 'no children') break;
        this.#settle(reaped.pid, reaped.ended);
      }
      // whoever is not there has ended, and somebody else has taken its end: how, is not to be known
      for (const pid of this.#running.keys())
        if (!isThere(pid)) this.#settle(pid, { status: UNKNOWN_STATUS });
      if (this.#running.size > 0) setTimeout(this.#reapNow, REAP_AGAIN_MS);
    } catch (error) {
      this.#onProblem(systemError('wait for the end of', 'a child process', error));
      setTimeout(this.#reapNow, REAP_AGAIN_MS);
    }
  }

  #settle(pid: number, ended: Ended): void {
    const tracked = this.#running.get(pid);
    if (tracked === undefined) return; // not ours: taken for init's part
    if (tracked.target < 0 && (tracked.isOverdue || this.#isOver)) this.#signal(pid, 'SIGKILL');
    this.#running.delete(pid);
    tracked.settle(ended);
  }
}

/** What holdfast itself ends with where it has failed (exit-codes.ts). */
const UNKNOWN_STATUS = 125;
