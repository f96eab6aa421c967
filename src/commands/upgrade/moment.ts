/** Whether now is a good moment for a restart: `--restart-window`, then `--restart-if`, once for one upgrade. */
import { monotonicMs } from '../../linux/time.ts';
import type { SnapshotRecord } from '../../snapshot/record/record.ts';
import type { SnapshotResult } from '../snapshot.ts';
import type { Children } from './children.ts';
import { type Announcer, due, shown } from './notify.ts';
import { msUntilOpen, type RestartWindow } from './window.ts';

/** When a veto is asked again, and at the latest an upgrade that is not complete looked at, should nothing change before, ms. */
export const ASK_AGAIN_MS = 300_000;
/** How long --restart-if may think, ms. */
const VETO_MS = 60_000;

/** What the operator made it depend on. */
export interface MomentOptions {
  readonly window: RestartWindow | undefined;
  /** a shell command; status 0 lets the restart go on */
  readonly veto: string | undefined;
}

/** The two versions, and the node's PID. */
export interface Replacement {
  readonly pid: number;
  readonly running: SnapshotRecord;
  readonly installed: SnapshotResult;
}

/** Asks, and remembers the answer. */
export class Moment {
  readonly #options: MomentOptions;
  readonly #children: Children;
  readonly #announcer: Announcer;
  /** whose veto it was, and when it is asked again */
  #refused: { readonly root: string; readonly until: number } | undefined;

  constructor(options: MomentOptions, children: Children, announcer: Announcer) {
    this.#options = options;
    this.#children = children;
    this.#announcer = announcer;
  }

  /** @returns when to ask again, ms @throws SyscallError where the command cannot be started now */
  async isGood(replacement: Replacement): Promise<'go' | number> {
    const { installed, running } = replacement;
    const { window, veto } = this.#options;
    const wait = window === undefined ? 0 : msUntilOpen(window, new Date());
    if (wait > 0) {
      this.#announcer.say(`${due(installed, running)}: waiting for the restart window`);
      return wait;
    }
    if (veto === undefined) return 'go';
    const left = this.#refused?.root === installed.root ? this.#refused.until - monotonicMs() : 0;
    if (left > 0) return left;
    const program = { path: '/bin/sh', argv: ['sh', '-c', veto], more: factsOf(replacement) };
    const answer = await this.#children.run(program, VETO_MS);
    if (answer !== 'time' && 'status' in answer && answer.status === 0) return 'go';
    this.#announcer.say(`${due(installed, running)}: --restart-if says no (${shown(answer)})`);
    this.#refused = { root: installed.root, until: monotonicMs() + ASK_AGAIN_MS };
    return ASK_AGAIN_MS;
  }
}

/** What the command finds in its environment. */
function factsOf({ pid, running, installed }: Replacement): string[] {
  return [
    `HOLDFAST_PID=${pid}`,
    `HOLDFAST_RUNNING_VERSION=${running.version}`,
    `HOLDFAST_RUNNING_ROOT=${running.root}`,
    `HOLDFAST_INSTALLED_VERSION=${installed.version}`,
    `HOLDFAST_INSTALLED_ROOT=${installed.root}`,
  ];
}
