/**
 * Replaces a running node by another snapshot: stops it, and starts what was chosen, from the snapshot that is there and
 * was proven; the installation may be gone by now, or half of a third version. Where that does not come up, what ran
 * before is started again, once. Both snapshots are held until the node answers.
 */
import type { LightningOptions } from '../../lightning/config/lightning-options.ts';
import type { Ended } from '../../linux/process/spawn.ts';
import { monotonicMs, sleep } from '../../linux/time.ts';
import type { Children } from './children.ts';
import { endLeftBehind } from './left-behind.ts';
import { askNode } from './lightning-cli.ts';
import { type Announcer, shown } from './notify.ts';
import type { HeldSnapshot, RunningNode } from './running-node.ts';
import { stopNode } from './stop.ts';

/** What the operator asked for. */
export interface ReplaceOptions {
  /** the words of `run` that do what this run would do without --on-upgrade */
  readonly runWords: readonly Buffer[];
  /** of `run` from a snapshot that is there */
  readonly useWords: (snapshot: string) => readonly Buffer[];
  readonly gracefulSeconds: number;
}

/** A start: how it ends, and once it is lightningd in a snapshot that. */
export interface Started {
  readonly ended: Promise<Ended>;
  readonly node: RunningNode | undefined;
}

/** What came of it: a node, and what did not come up before it; or the end. */
export type Replaced =
  | { readonly node: RunningNode; readonly failed?: { readonly root: string } }
  | { readonly ended: Ended };

/** How long no process may be to be had, or no holdfast that starts, when nothing runs, ms. */
const START_MS = 60_000;
const START_AGAIN_MS = 1_000;
/** How often a node that comes up is asked whether it answers, how long for, and how long one answer may take, ms. */
const ASK_MS = 1_000;
const FIRST_ASK_MS = 100;
const UP_MS = 600_000;
const ANSWER_MS = 10_000;

/** lightningd ends so by its command `stop` alone: somebody was faster than our question whether it answers. */
function wasStopped({ ended, wasLightningd }: { ended: Ended; wasLightningd: boolean }): boolean {
  return wasLightningd && 'status' in ended && ended.status === 0;
}

/** Replaces nodes. */
export class Replacer {
  readonly #options: ReplaceOptions;
  readonly #lightning: LightningOptions;
  readonly #children: Children;
  readonly #announcer: Announcer;
  readonly #start: (words: readonly Buffer[]) => Promise<Started>;

  /** @param start starts holdfast as a child, and waits until it is lightningd or has ended */
  constructor(
    options: ReplaceOptions,
    lightning: LightningOptions,
    children: Children,
    announcer: Announcer,
    start: (words: readonly Buffer[]) => Promise<Started>,
  ) {
    this.#options = options;
    this.#lightning = lightning;
    this.#children = children;
    this.#announcer = announcer;
    this.#start = start;
  }

  /** @throws SyscallError where no process could be had for a minute */
  async replace(before: RunningNode, next: HeldSnapshot): Promise<Replaced> {
    try {
      await stopNode(before, this.#options.gracefulSeconds, this.#lightning, this.#children, this.#announcer);
      await this.#endLeftBehind(before);
      const first = await this.#attempt(this.#options.useWords(next.path));
      if ('node' in first || wasStopped(first)) return first;
      const back = `starting ${before.record.version} again, from its snapshot`;
      this.#announcer.say(`${next.record.version} did not come up (${shown(first.ended)}): ${back}`);
      const second = await this.#attempt(this.#options.useWords(before.path));
      if ('node' in second) return { node: second.node, failed: next.record };
      if (first.wasLightningd || second.wasLightningd) return second;
      this.#announcer.say(
        'neither snapshot can be started: trying what is installed, and them, for a minute',
      );
      return await this.#untilOneStarts([this.#options.runWords, this.#options.useWords(before.path)]);
    } finally {
      next.directory.close();
      before.directory.close();
    }
  }

  /** holdfast itself may be gone: the package manager that upgrades lightningd replaces it a moment later. */
  async #untilOneStarts(starts: readonly (readonly Buffer[])[]): Promise<Replaced> {
    const deadline = monotonicMs() + START_MS;
    for (;;) {
      for (const words of starts) {
        const tried = await this.#attempt(words);
        if ('node' in tried) return tried;
        if (tried.wasLightningd || monotonicMs() > deadline) return { ended: tried.ended };
      }
      await sleep(START_AGAIN_MS);
    }
  }

  /** One start, until the node answers or has ended. */
  async #attempt(
    words: readonly Buffer[],
  ): Promise<{ node: RunningNode } | { ended: Ended; wasLightningd: boolean }> {
    const { ended, node } = await this.#startInTime(words);
    if (node === undefined) return { ended: await ended, wasLightningd: false };
    if (await this.#comesUp(node)) return { node };
    await ended;
    await this.#endLeftBehind(node);
    node.directory.close();
    return { ended: await ended, wasLightningd: true };
  }

  /** Never rejects: a start that fails is better than none. */
  async #endLeftBehind({ path }: RunningNode): Promise<void> {
    try {
      await endLeftBehind(path, pid => this.#children.has(pid));
    } catch (error) {
      this.#announcer.problem(error);
    }
  }

  /** EAGAIN and the like pass. */
  async #startInTime(words: readonly Buffer[]): Promise<Started> {
    const deadline = monotonicMs() + START_MS;
    for (;;) {
      try {
        return await this.#start(words);
      } catch (error) {
        if (monotonicMs() > deadline) throw error;
        this.#announcer.problem(error);
        await sleep(START_AGAIN_MS);
      }
    }
  }

  /** Waits until it answers, or, as a database that is migrated may take long, has lived for ten minutes. */
  async #comesUp(node: RunningNode): Promise<boolean> {
    const ended = node.ended.then(() => 'ended' as const);
    const deadline = monotonicMs() + UP_MS;
    for (let pause = FIRST_ASK_MS; monotonicMs() < deadline; pause = Math.min(pause * 2, ASK_MS)) {
      const asked = askNode(node, ['getinfo'], this.#lightning, this.#children, ANSWER_MS);
      const answer = await Promise.race([ended, asked]);
      if (answer === 'ended') return false;
      if (!('failed' in answer)) return true; // an error of its own is an answer too: -28 while it syncs
      if ((await Promise.race([ended, sleep(pause)])) === 'ended') return false;
    }
    return true;
  }
}
