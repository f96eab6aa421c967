/**
 * `run --on-upgrade`: stays as lightningd's parent, and restarts it when another version was installed completely; or
 * only says so. The service manager knows our PID, which stays. It is no babysitter: a node that ends by itself,
 * whatever the reason, is the end of this process too, with its status.
 *
 *  1. start      a child that is holdfast, takes the snapshot and becomes lightningd (launch/again.ts)
 *  2. watch      sleep until the installation's directories change, or the node ends
 *  3. look       `holdfast snapshot`, as another child: the gate says whether the upgrade is complete, and the new snapshot
 *                is there before anything is stopped. The same root as the node's: back to 2
 *  4. wait       for --restart-window, then for --restart-if to say yes; a further change: back to 3
 *  5. stop       `lightning-cli stop`; SIGTERM where that takes too long; SIGKILL where that does
 *  6. back to 1
 *
 * SIGTERM, SIGINT and SIGQUIT end whatever child there is, and then us. Other signals that can be sent to lightningd are
 * passed on to it.
 */

import { closeSync, readlinkSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError, systemError } from '../../errors.ts';
import { type Again, startAgain } from '../../launch/again.ts';
import type { Inherited } from '../../launch/inherited.ts';
import type { LightningOptions } from '../../lightning/config/options.ts';
import { notifyStatus } from '../../linux/notify-socket.ts';
import { splitStrings } from '../../linux/proc/read-proc.ts';
import { ignoreSignal, signalNumber } from '../../linux/process-state.ts';
import { type Ended, makePipe, sendSignal, spawn, waitFor } from '../../linux/spawn.ts';
import { directoryIdentity } from '../../snapshot/store/identity.ts';
import type { SnapshotRecord } from '../../snapshot/store/record.ts';
import type { Context } from '../context.ts';
import { recordOf } from '../installed/installed-now.ts';
import type { SnapshotResult } from '../snapshot.ts';
import { UpgradeWatch } from './watch.ts';
import { msUntilOpen, type RestartWindow } from './window.ts';

/** What the operator asked for. */
export interface OnUpgradeOptions {
  readonly mode: 'restart' | 'notify';
  readonly window: RestartWindow | undefined;
  /** a shell command; status 0 lets the restart go on */
  readonly veto: string | undefined;
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

/** How long lightningd may take to stop by its own command, and after SIGTERM, ms. */
const STOP_MS = 60_000;
const TERM_MS = 30_000;
/** How long anything may take to end when we are to end, ms. */
const END_MS = 4_000;
/** When a veto, or an upgrade that was not complete, is asked about again, should nothing happen before, ms. */
const ASK_AGAIN_MS = 300_000;

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

/** A running node and the snapshot it runs from. */
interface Node extends Again {
  readonly snapshot: string;
  readonly record: SnapshotRecord;
}

class Supervisor {
  readonly #options: OnUpgradeOptions;
  readonly #named: string;
  readonly #lightning: LightningOptions;
  readonly #context: Context;
  readonly #inherited: Inherited;
  readonly #watch: UpgradeWatch;
  /** those that have not ended: PIDs, or negative ones for process groups */
  readonly #children = new Map<number, Promise<unknown>>();
  #node: Again | undefined;
  #endingBy: NodeJS.Signals | undefined;
  #said = '';

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
    this.#watch = new UpgradeWatch(error =>
      context.warn(`${error.message}: not every upgrade will be noticed`),
    );
  }

  async run(): Promise<RunEnd> {
    this.#handleSignals();
    let before: SnapshotRecord | undefined;
    for (;;) {
      const started = this.#start();
      await Promise.race([started.became, started.ended]);
      const node = await this.#lookAt(started);
      if (node === undefined) return this.#end(await started.ended, before);
      if (before?.root === node.record.root)
        this.#say(`the installation is again what ran before: ${before.version}`);
      const next = await this.#nextVersion(node);
      if (next === undefined) return this.#end(await node.ended, before);
      this.#say(`${due(next, node.record)}: restarting`);
      await this.#stop(node);
      if (this.#endingBy !== undefined) return this.#end({ signal: this.#endingBy }, before);
      before = node.record;
    }
  }

  /** 1 */
  #start(): Again {
    const child = this.#track(startAgain(this.#options.runWords, this.#inherited));
    this.#node = child;
    return child;
  }

  /** The snapshot that the child runs from; undefined where it has ended, or is no lightningd of a snapshot. */
  async #lookAt(child: Again): Promise<Node | undefined> {
    try {
      const program = readlinkSync(`/proc/${child.pid}/exe`);
      const snapshot = dirname(dirname(program));
      const record = recordOf(snapshot);
      return record === undefined ? undefined : { ...child, snapshot, record };
    } catch {
      return undefined; // it has ended, and how is what counts
    }
  }

  /** 2 to 4. @returns undefined where the node ends first */
  async #nextVersion(node: Node): Promise<SnapshotResult | undefined> {
    const { record } = node;
    const ended = node.ended.then(() => 'ended' as const);
    this.#watch.follow(record, this.#named);
    // what has changed between the taking of the snapshot and now
    let happened: unknown = record.directories.every(({ path, is }) => is === directoryIdentity(path))
      ? await Promise.race([ended, this.#watch.changed()])
      : undefined;
    let announced: string | undefined;
    for (;;) {
      if (happened === 'ended') return undefined;
      this.#watch.follow(record, this.#named); // anew: a directory may have been replaced
      const found = await Promise.race([ended, this.#takeSnapshot()]);
      if (found === 'ended' || this.#endingBy !== undefined) return undefined;
      let wait = Number.POSITIVE_INFINITY;
      if (!(found instanceof HoldfastError)) this.#context.detail(`looked: ${due(found, record)}`);
      if (found instanceof HoldfastError) {
        this.#say(`not restarting yet: ${found.message}`);
        wait = ASK_AGAIN_MS;
      } else if (found.root !== record.root && this.#options.mode === 'notify') {
        if (found.root !== announced) this.#say(`${due(found, record)}: a restart is due`);
        announced = found.root;
      } else if (found.root !== record.root) {
        const answer = await Promise.race([ended, this.#goodMoment(record, found)]);
        if (answer === 'go') return found;
        if (answer === 'ended') return undefined;
        wait = answer;
      }
      happened = await Promise.race([ended, within(wait, this.#watch.changed())]);
    }
  }

  /** 4. @returns when to ask again, ms */
  async #goodMoment(running: SnapshotRecord, installed: SnapshotResult): Promise<'go' | number> {
    const { window, veto } = this.#options;
    const wait = window === undefined ? 0 : msUntilOpen(window, new Date());
    if (wait > 0) {
      this.#say(`${due(installed, running)}: waiting for the restart window`);
      return wait;
    }
    const answer = veto === undefined ? { status: 0 } : await this.#ask(veto, running, installed);
    if ('status' in answer && answer.status === 0) return 'go';
    this.#say(`${due(installed, running)}: --restart-if says no (${shown(answer)})`);
    return ASK_AGAIN_MS;
  }

  /** 3. @returns why there is none, as an error */
  async #takeSnapshot(): Promise<SnapshotResult | HoldfastError> {
    const [readEnd, writeEnd] = makePipe('non-blocking');
    let child: Again;
    try {
      child = this.#track(startAgain(this.#options.snapshotWords, this.#inherited, writeEnd));
    } finally {
      closeSync(writeEnd);
    }
    const ended = await child.ended;
    try {
      const result: unknown = JSON.parse(readAll(readEnd));
      if (isError(result)) return new HoldfastError('GATE', result.error.message);
      return result as SnapshotResult;
    } catch {
      return new HoldfastError('SYSTEM', `holdfast snapshot ended with ${shown(ended)}`);
    } finally {
      closeSync(readEnd);
    }
  }

  /** 4 */
  async #ask(command: string, running: SnapshotRecord, installed: SnapshotResult): Promise<Ended> {
    const facts = {
      HOLDFAST_PID: String(this.#node?.pid),
      HOLDFAST_RUNNING_VERSION: running.version,
      HOLDFAST_RUNNING_ROOT: running.root,
      HOLDFAST_INSTALLED_VERSION: installed.version,
      HOLDFAST_INSTALLED_ROOT: installed.root,
    };
    return this.#runProgram(
      '/bin/sh',
      ['sh', '-c', command],
      Object.entries(facts).map(([k, v]) => `${k}=${v}`),
    );
  }

  /** 5 */
  async #stop(node: Node): Promise<void> {
    const { lightningDir, network, rpcFile } = this.#lightning;
    const cli = `${node.snapshot}/bin/lightning-cli`;
    const words = [`--lightning-dir=${lightningDir}`, `--network=${network}`];
    if (rpcFile !== undefined) words.push(`--rpc-file=${rpcFile}`);
    const asked = this.#runProgram(cli, [cli, ...words, 'stop'], []).then(
      ended => ('status' in ended && ended.status === 0 ? ended : this.#terminate(node)),
      () => this.#terminate(node), // not there, or not to be executed
    );
    if ((await within(STOP_MS, node.ended)) === 'time') this.#terminate(node);
    if ((await within(TERM_MS, node.ended)) === 'time') sendSignal(node.pid, signalNumber('SIGKILL'));
    await node.ended;
    await asked;
  }

  #terminate(node: Node): void {
    this.#say('lightningd does not stop by its own command: SIGTERM');
    sendSignal(node.pid, signalNumber('SIGTERM'));
  }

  /** Runs a program with the caller's environment and more, its output on our standard error. @throws SyscallError */
  async #runProgram(path: string, argv: readonly string[], more: readonly string[]): Promise<Ended> {
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

  #track<T extends { readonly pid: number; readonly ended: Promise<Ended> }>(child: T): T {
    this.#children.set(child.pid, child.ended);
    const forget = () => this.#children.delete(child.pid);
    child.ended.then(forget, forget);
    return child;
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
    void this.#endChildren(signal);
  }

  async #endChildren(signal: NodeJS.Signals): Promise<void> {
    for (const pid of this.#children.keys()) sendSignal(pid, signalNumber(signal));
    const all = Promise.allSettled(this.#children.values());
    if ((await within(END_MS, all)) !== 'time') return;
    for (const pid of this.#children.keys()) sendSignal(pid, signalNumber('SIGKILL'));
    await all;
  }

  async #end(ended: Ended, before: SnapshotRecord | undefined): Promise<RunEnd> {
    this.#watch.close();
    await this.#endChildren('SIGTERM');
    if (this.#endingBy === undefined && before !== undefined) {
      this.#say(`lightningd ended with ${shown(ended)}, after the upgrade from ${before.version}`);
    }
    return { ended, asked: 'signal' in ended && ended.signal === this.#endingBy };
  }

  /** Once, to the operator and the service manager. */
  #say(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#context.notice(text);
    const socket = this.#context.environment.NOTIFY_SOCKET;
    if (socket === undefined) return;
    try {
      notifyStatus(socket, text);
    } catch (error) {
      this.#context.detail(systemError('notify', socket, error).message);
    }
  }
}

/** Two builds of one version differ in their roots. */
function due(installed: SnapshotResult, running: SnapshotRecord): string {
  return `${installed.version} (${installed.root.slice(0, 16)}) is installed, ${running.version} (${running.root.slice(0, 16)}) runs`;
}

function shown(ended: Ended): string {
  return 'signal' in ended ? ended.signal : `status ${ended.status}`;
}

function isError(value: unknown): value is { error: { message: string } } {
  return typeof (value as { error?: { message?: unknown } } | null)?.error?.message === 'string';
}

/** All that is in a pipe whose writers have ended. */
function readAll(fd: number): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    const length = readSync(fd, chunk);
    if (length === 0) return Buffer.concat(chunks).toString();
    chunks.push(chunk.subarray(0, length));
  }
}

/** What `promise` gives, or `time` where that takes longer. */
function within<T>(ms: number, promise: Promise<T>): Promise<T | 'time'> {
  if (!Number.isFinite(ms)) return promise;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('time'), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
