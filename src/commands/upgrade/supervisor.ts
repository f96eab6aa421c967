/**
 * `run --on-upgrade`: stays as lightningd's parent, and restarts it when another version was installed completely; or
 * only says so. The service manager knows our PID, which stays. It is no babysitter: a node that ends by itself,
 * whatever the reason, is the end of this process too, with its status. But no restart of its own leaves a node down
 * that could run.
 *
 *  1. start      a child that is holdfast, takes the snapshot and becomes lightningd (launch/again.ts)
 *  2. watch      sleep until the installation may have changed, or the node ends (watch.ts)
 *  3. look       `holdfast snapshot`, as another child (look.ts): the gate says whether the upgrade is complete, and the
 *                new snapshot is there before anything is stopped. Nothing newer than what runs: back to 2 (upgrade.ts)
 *  4. wait       for --restart-window, then for --restart-if to say yes (moment.ts); a further change: back to 3
 *  5. stop       `lightning-cli graceful`, `stop`; SIGTERM where that takes too long; SIGKILL where that does (stop.ts)
 *  6. replace    by what step 3 has taken, whatever is installed by now; where that does not come up, by what ran before:
 *                both snapshots are held until the node answers (replace.ts). Back to 2
 *
 * Whatever fails in 2 to 4 is said once and tried again. SIGTERM, SIGINT and SIGQUIT end in every state whatever child
 * there is, and then us (signals.ts, children.ts). Other signals that can be sent to lightningd are passed on to it.
 */

import type { Inherited } from '../../launch/inherited.ts';
import type { LightningOptions } from '../../lightning/config/lightning-options.ts';
import type { Ended } from '../../linux/process/spawn.ts';
import { sleep } from '../../linux/time.ts';
import type { Context } from '../context.ts';
import { type Child, Children } from './children.ts';
import { adoptOrphans } from './left-behind.ts';
import { Announcer, due, shown } from './notify.ts';
import { type ReplaceOptions, Replacer, type Started } from './replace.ts';
import { findNode, type RunningNode } from './running-node.ts';
import { Signals } from './signals.ts';
import { type FindOptions, UpgradeFinder } from './upgrade.ts';
import { within } from './within.ts';

/** What the operator asked for. */
export interface OnUpgradeOptions extends FindOptions, ReplaceOptions {}

/** What became of the node. */
export interface RunEnd {
  readonly ended: Ended;
  /** we were sent the signal that ended it */
  readonly asked: boolean;
}

/** How long until a failed look at a child of ours is tried again, ms. */
const AGAIN_MS = 1_000;

/**
 * Runs lightningd until it ends for good.
 * @param named lightningd as the operator names it, absolute, links not resolved
 * @returns how it ended last
 * @throws HoldfastError `SYSTEM` where nothing could be started at all
 */
export async function runUntilItEnds(
  options: OnUpgradeOptions,
  named: string,
  lightning: LightningOptions,
  context: Context,
  inherited: Inherited,
): Promise<RunEnd> {
  const announcer = new Announcer(context);
  const children = new Children(inherited, error => announcer.problem(error));
  const supervisor = new Supervisor(options, named, lightning, children, announcer);
  try {
    adoptOrphans();
  } catch (error) {
    announcer.problem(error); // then they are init's, and not waited for
  }
  const signals = new Signals(inherited, signal => supervisor.passOn(signal));
  try {
    const asked = signals.ending.then(signal => ({ signal }));
    const first = await Promise.race([asked, supervisor.run().then(ended => ({ ended }))]);
    const signal = 'signal' in first ? first.signal : undefined;
    if (signal !== undefined) announcer.close(); // what fails from now on is our own doing
    await children.end(signal ?? 'SIGTERM');
    const ended = 'ended' in first ? first.ended : await supervisor.endOfNode({ signal: first.signal });
    return { ended, asked: 'signal' in ended && ended.signal === signal };
  } finally {
    supervisor.close();
    signals.close();
    children.close();
  }
}

class Supervisor {
  readonly #options: OnUpgradeOptions;
  readonly #children: Children;
  readonly #announcer: Announcer;
  readonly #finder: UpgradeFinder;
  readonly #replacer: Replacer;
  /** what has become lightningd, or will */
  #child: Child | undefined;
  /** the same, once it is no holdfast any more: it is lightningd that a signal like SIGHUP means something else to than its end */
  #lightningd: Child | undefined;
  /** the version before the last restart */
  #before: string | undefined;

  constructor(
    options: OnUpgradeOptions,
    named: string,
    lightning: LightningOptions,
    children: Children,
    announcer: Announcer,
  ) {
    this.#options = options;
    this.#children = children;
    this.#announcer = announcer;
    this.#finder = new UpgradeFinder(options, named, children, announcer);
    this.#replacer = new Replacer(options, lightning, children, announcer, words => this.#start(words));
  }

  /** All of it. @returns how lightningd ended last @throws SyscallError where the first start is not possible */
  async run(): Promise<Ended> {
    const started = await this.#start(this.#options.runWords);
    let node = started.node;
    for (;;) {
      if (node === undefined) return started.ended;
      const next = await this.#finder.next(node);
      if (next === undefined) return this.#sayEnd(await node.ended);
      this.#announcer.say(`${due(next.record, node.record)}: restarting`);
      this.#before = node.record.version;
      const replaced = await this.#replacer.replace(node, next);
      if ('ended' in replaced) return this.#sayEnd(replaced.ended);
      if (replaced.failed !== undefined) this.#finder.refuse(replaced.failed);
      node = replaced.node;
    }
  }

  /** Where none runs just now it is lost: what starts a moment later has opened its log anew. */
  passOn(signal: NodeJS.Signals): void {
    if (this.#lightningd !== undefined) this.#children.signal(this.#lightningd, signal);
  }

  /** How the last of our nodes ended, or `otherwise` where none has. */
  async endOfNode(otherwise: Ended): Promise<Ended> {
    const ended = this.#child === undefined ? 'time' : await within(0, this.#child.ended);
    return ended === 'time' ? otherwise : ended;
  }

  close(): void {
    this.#finder.close();
  }

  /** Starts a child that becomes lightningd. @throws SyscallError */
  async #start(words: readonly Buffer[]): Promise<Started> {
    const child = this.#children.startAgain(words);
    this.#child = child;
    this.#lightningd = undefined;
    await Promise.race([child.became, child.ended]);
    this.#lightningd = child;
    return { ended: child.ended, node: await this.#lookAt(child) };
  }

  /** What the child runs from, tried until that can be seen. */
  async #lookAt(child: Child): Promise<RunningNode | undefined> {
    for (;;) {
      try {
        const node = await findNode(child);
        if (node === undefined && (await within(0, child.ended)) === 'time') {
          this.#announcer.say(
            'lightningd runs without a snapshot, or its snapshot has no record: no upgrade will restart it',
          );
        }
        return node;
      } catch (error) {
        this.#announcer.problem(error);
        await sleep(AGAIN_MS);
      }
    }
  }

  #sayEnd(ended: Ended): Ended {
    if (this.#before !== undefined) {
      this.#announcer.say(`lightningd ended with ${shown(ended)}, after the upgrade from ${this.#before}`);
    }
    return ended;
  }
}
