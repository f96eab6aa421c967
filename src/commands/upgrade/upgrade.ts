/**
 * Finds the upgrade that a running node is to be restarted for: watches, looks at what is installed, and says what comes
 * of it. Whatever fails is said once and tried again; only the end of the node ends it.
 */
import { errnoOf, HoldfastError, quote, systemError } from '../../errors.ts';
import { orderOf } from '../../lightning/installation/version-order.ts';
import { giveBackPrograms } from '../../linux/process/give-back.ts';
import type { Children } from './children.ts';
import { type LookOptions, lookAtInstalled } from './look.ts';
import { ASK_AGAIN_MS, Moment, type MomentOptions } from './moment.ts';
import { type Announcer, due } from './notify.ts';
import { type HeldSnapshot, hold, type RunningNode } from './running-node.ts';
import { isAsRecorded } from './state.ts';
import { UpgradeWatch } from './watch.ts';
import { within } from './within.ts';

/** What the operator asked for. */
export interface FindOptions extends MomentOptions, LookOptions {
  readonly mode: 'restart' | 'notify';
}

/** When what failed is tried again: at first, and at most, ms. */
const FIRST_AGAIN_MS = 1_000;
const LAST_AGAIN_MS = 60_000;

/** When an upgrade that is not complete is looked at again at first, should nothing change before, ms; then ever later. */
const LOOK_AGAIN_MS = 5_000;

/** A snapshot to restart from, or when to look again should nothing change before, ms. */
type Outcome = HeldSnapshot | number;

/** One for all restarts: it remembers what was refused. */
export class UpgradeFinder {
  readonly #options: FindOptions;
  readonly #named: string;
  readonly #children: Children;
  readonly #announcer: Announcer;
  readonly #watch: UpgradeWatch;
  readonly #moment: Moment;
  #isFirst = true;
  #looksInVain = 0;
  /** roots that did not come up */
  readonly #refused = new Set<string>();

  /** @param named lightningd as the operator names it, absolute, links not resolved */
  constructor(options: FindOptions, named: string, children: Children, announcer: Announcer) {
    this.#options = options;
    this.#named = named;
    this.#children = children;
    this.#announcer = announcer;
    this.#watch = new UpgradeWatch(error => announcer.problem(error));
    this.#moment = new Moment(options, children, announcer);
  }

  /** @returns the snapshot of what is to run, held; undefined where the node ends first */
  async next(node: RunningNode): Promise<HeldSnapshot | undefined> {
    const ended = node.ended.then(() => 'ended' as const);
    let failures = 0;
    this.#watch.follow(node.record, this.#named);
    // what has changed between the taking of the snapshot and now; after a restart the look wipes what ran before
    let wait = this.#isFirst && isAsRecorded(node.record, this.#named) ? Number.POSITIVE_INFINITY : 0;
    this.#isFirst = false;
    for (;;) {
      if (wait > 0) this.#beforeSleep();
      const woke = await Promise.race([ended, within(wait, this.#watch.changed())]);
      if (woke === 'ended') return undefined;
      if (woke === undefined) this.#looksInVain = 0; // something has moved: only what stands still is looked at ever later
      try {
        const outcome = await Promise.race([ended, this.#look(node)]);
        if (outcome === 'ended') return undefined;
        if (typeof outcome !== 'number') return outcome;
        wait = outcome;
        failures = 0;
        this.#announcer.allIsWell();
      } catch (error) {
        this.#announcer.problem(error);
        wait = Math.min(FIRST_AGAIN_MS * 2 ** failures++, LAST_AGAIN_MS);
      }
    }
  }

  /** This one did not come up: it is not tried again. */
  refuse({ root }: { readonly root: string }): void {
    this.#refused.add(root);
  }

  close(): void {
    this.#watch.close();
  }

  /** It may be for months. */
  #beforeSleep(): void {
    try {
      giveBackPrograms();
    } catch (error) {
      this.#announcer.detail(systemError('give back', 'memory', error).message); // then it sleeps with it
    }
  }

  /** @throws SyscallError, HoldfastError for what may be otherwise in a moment */
  async #look(node: RunningNode): Promise<Outcome> {
    const { record } = node;
    this.#watch.follow(record, this.#named); // anew: a directory may have been replaced
    const found = await lookAtInstalled(this.#options, this.#children);
    if (found instanceof HoldfastError) {
      this.#announcer.say(`not restarting yet: ${found.message}`);
      return Math.min(LOOK_AGAIN_MS * 2 ** this.#looksInVain++, ASK_AGAIN_MS);
    }
    this.#looksInVain = 0;
    this.#announcer.detail(`looked: ${due(found, record)}`);
    if (found.root === record.root) return Number.POSITIVE_INFINITY;
    const why = this.#whyNot(node, found);
    if (why !== undefined) {
      this.#announcer.say(`${due(found, record)}: ${why}`);
      return Number.POSITIVE_INFINITY;
    }
    const held = holdOrPass(found);
    if (held === undefined) {
      // nobody holds it between the end of the look and now; another network's launch may share the store
      this.#announcer.detail(`${quote(found.path)} was wiped by another launch: it is taken again`);
      return FIRST_AGAIN_MS;
    }
    let answer: 'go' | number = Number.POSITIVE_INFINITY;
    try {
      answer = await this.#moment.isGood({ pid: node.pid, running: record, installed: found });
    } finally {
      if (answer !== 'go') held.directory.close();
    }
    return answer === 'go' ? held : answer;
  }

  /** Why what is installed is no reason to restart. */
  #whyNot(
    { record }: RunningNode,
    found: { readonly version: string; readonly root: string },
  ): string | undefined {
    if (orderOf(found.version, record.version) === 'older') {
      return 'a downgrade is no upgrade, and an older lightningd refuses a newer database: nothing is done';
    }
    if (this.#refused.has(found.root)) {
      return 'it did not come up before, and is not tried again: restart the service by hand when that is mended';
    }
    if (this.#options.mode === 'notify') return 'a restart is due';
    return undefined;
  }
}

/** Holds what the look has taken; undefined where it is gone by now. @throws HoldfastError where it cannot be looked at */
function holdOrPass({
  path,
  root,
}: {
  readonly path: string;
  readonly root: string;
}): HeldSnapshot | undefined {
  try {
    return hold(path, record => record.root === root);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || (error instanceof HoldfastError && error.code === 'NO_SNAPSHOT'))
      return undefined;
    throw error;
  }
}
