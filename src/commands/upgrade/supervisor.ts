/**
 * `run --on-upgrade`: stays as lightningd's parent, and restarts it when another version was installed completely; or
 * only says so. The service manager knows our PID, which stays. It is no babysitter: a node that ends by itself,
 * whatever the reason, is the end of this process too, with its status.
 *
 *  1. start      a child that is holdfast, takes the snapshot and becomes lightningd (launch/again.ts)
 *  2. watch      sleep until the installation's directories change, or the node ends (watch.ts)
 *  3. look       `holdfast snapshot`, as another child (look.ts): the gate says whether the upgrade is complete, and the
 *                new snapshot is there before anything is stopped. The same root as the node's: back to 2
 *  4. wait       for --restart-window, then for --restart-if to say yes (moment.ts); a further change: back to 3
 *  5. stop       `lightning-cli stop`; SIGTERM where that takes too long; SIGKILL where that does (stop.ts)
 *  6. back to 1
 *
 * SIGTERM, SIGINT and SIGQUIT end whatever child there is, and then us. Other signals that can be sent to lightningd are
 * passed on to it.
 */

import { HoldfastError } from '../../errors.ts';
import type { Again } from '../../launch/again.ts';
import type { Inherited } from '../../launch/inherited.ts';
import type { LightningOptions } from '../../lightning/config/options.ts';
import { type Ended, sendSignal } from '../../linux/process/spawn.ts';
import { ignoreSignal, signalNumber } from '../../linux/process/state.ts';
import { agrees, directoryIdentity } from '../../snapshot/store/identity.ts';
import type { SnapshotRecord } from '../../snapshot/store/record.ts';
import type { Context } from '../context.ts';
import type { SnapshotResult } from '../snapshot.ts';
import { Children } from './children.ts';
import { lookAtInstalled } from './look.ts';
import { ASK_AGAIN_MS, goodMoment, type MomentOptions } from './moment.ts';
import { Announcer, due, shown } from './notify.ts';
import { findNode, type RunningNode } from './running-node.ts';
import { stopNode } from './stop.ts';
import { UpgradeWatch } from './watch.ts';
import { within } from './within.ts';

/** What the operator asked for. */
export interface OnUpgradeOptions extends MomentOptions {
  readonly mode: 'restart' | 'notify';
  /** the words of `run` and of `snapshot` that do what this run would do without --on-upgrade */
  readonly runWords: readonly Buffer[];
  readonly snapshotWords: readonly Buffer[];
}

/** What became of the node. */
export interface RunEnd {
  readonly ended: Ended;
  /** we were sent the signal that ended it */
  readonly asked: boolean;
}

const ENDING = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
const PASSED_ON = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/**
 * Runs lightningd until it ends for good.
 * @param named lightningd as the operator names it, absolute, links not resolved
 * @returns how it ended last
 * @throws HoldfastError `SYSTEM`
 */
export function runUntilItEnds(
  options: OnUpgradeOptions,
  named: string,
  lightning: LightningOptions,
  context: Context,
  inherited: Inherited,
): Promise<RunEnd> {
  return new Supervisor(options, named, lightning, context, inherited).run();
}

/** @throws HoldfastError `USAGE` for what cannot be restarted: a daemon leaves its parent */
export function refuseWhatLeaves({ daemon }: LightningOptions, { environment }: Inherited): void {
  if (environment === undefined) {
    throw new HoldfastError('UNSUPPORTED', '--on-upgrade needs to be started by bin/holdfast');
  }
  if (!daemon) return;
  throw new HoldfastError('USAGE', '--on-upgrade and daemon exclude each other: a daemon leaves its parent', {
    hint: 'start it without --daemon (and no `daemon` in its configuration), under a service manager',
  });
}

class Supervisor {
  readonly #options: OnUpgradeOptions;
  readonly #named: string;
  readonly #lightning: LightningOptions;
  readonly #context: Context;
  readonly #inherited: Inherited;
  readonly #watch: UpgradeWatch;
  readonly #children: Children;
  readonly #announcer: Announcer;
  #node: Again | undefined;
  #endingBy: NodeJS.Signals | undefined;

  constructor(
    options: OnUpgradeOptions,
    named: string,
    lightning: LightningOptions,
    context: Context,
    inherited: Inherited,
  ) {
    this.#options = options;
    this.#named = named;
    this.#lightning = lightning;
    this.#context = context;
    this.#inherited = inherited;
    this.#children = new Children(inherited);
    this.#announcer = new Announcer(context);
    this.#watch = new UpgradeWatch(error =>
      context.warn(`${error.message}: not every upgrade will be noticed`),
    );
  }

  async run(): Promise<RunEnd> {
    this.#handleSignals();
    let before: SnapshotRecord | undefined;
    for (;;) {
      const started = this.#children.startAgain(this.#options.runWords);
      this.#node = started;
      await Promise.race([started.became, started.ended]);
      const node = findNode(started);
      if (node === undefined) return this.#end(await started.ended, before);
      if (before?.root === node.record.root)
        this.#announcer.say(`the installation is again what ran before: ${before.version}`);
      const next = await this.#nextVersion(node);
      if (next === undefined) return this.#end(await node.ended, before);
      this.#announcer.say(`${due(next, node.record)}: restarting`);
      await stopNode(node, this.#lightning, this.#children, this.#announcer);
      if (this.#endingBy !== undefined) return this.#end({ signal: this.#endingBy }, before);
      before = node.record;
    }
  }

  /** 2 to 4. @returns undefined where the node ends first */
  async #nextVersion(node: RunningNode): Promise<SnapshotResult | undefined> {
    const { record } = node;
    const ended = node.ended.then(() => 'ended' as const);
    this.#watch.follow(record, this.#named);
    // what has changed between the taking of the snapshot and now
    let happened: unknown = record.directories.every(({ path, is }) =>
      agrees(is, directoryIdentity(path), true),
    )
      ? await Promise.race([ended, this.#watch.changed()])
      : undefined;
    let announced: string | undefined;
    for (;;) {
      if (happened === 'ended') return undefined;
      this.#watch.follow(record, this.#named); // anew: a directory may have been replaced
      const found = await Promise.race([ended, lookAtInstalled(this.#options.snapshotWords, this.#children)]);
      if (found === 'ended' || this.#endingBy !== undefined) return undefined;
      let wait = Number.POSITIVE_INFINITY;
      if (!(found instanceof HoldfastError)) this.#context.detail(`looked: ${due(found, record)}`);
      if (found instanceof HoldfastError) {
        this.#announcer.say(`not restarting yet: ${found.message}`);
        wait = ASK_AGAIN_MS;
      } else if (found.root !== record.root && this.#options.mode === 'notify') {
        if (found.root !== announced) this.#announcer.say(`${due(found, record)}: a restart is due`);
        announced = found.root;
      } else if (found.root !== record.root) {
        const replacement = { pid: node.pid, running: record, installed: found };
        const moment = goodMoment(this.#options, replacement, this.#children, this.#announcer);
        const answer = await Promise.race([ended, moment]);
        if (answer === 'go') return found;
        if (answer === 'ended') return undefined;
        wait = answer;
      }
      happened = await Promise.race([ended, within(wait, this.#watch.changed())]);
    }
  }

  /** What the caller ignores stays ignored: nohup(1). */
  #handleSignals(): void {
    const ignored = (signal: NodeJS.Signals) =>
      ((this.#inherited.ignoredSignals >> BigInt(signalNumber(signal) - 1)) & 1n) === 1n;
    for (const signal of [...ENDING, ...PASSED_ON]) {
      if (ignored(signal)) ignoreSignal(signalNumber(signal), true);
      else if (signal === 'SIGTERM' || signal === 'SIGINT' || signal === 'SIGQUIT') {
        process.on(signal, () => this.#endBy(signal));
      } else {
        process.on(signal, () => this.#node && sendSignal(this.#node.pid, signalNumber(signal)));
      }
    }
  }

  #endBy(signal: NodeJS.Signals): void {
    this.#endingBy = signal;
    void this.#children.end(signal);
  }

  async #end(ended: Ended, before: SnapshotRecord | undefined): Promise<RunEnd> {
    this.#watch.close();
    await this.#children.end('SIGTERM');
    if (this.#endingBy === undefined && before !== undefined) {
      this.#announcer.say(`lightningd ended with ${shown(ended)}, after the upgrade from ${before.version}`);
    }
    return { ended, asked: 'signal' in ended && ended.signal === this.#endingBy };
  }
}
