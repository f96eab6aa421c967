/** Whether now is a good moment for a restart: `--restart-window`, then `--restart-if`. */
import type { SnapshotRecord } from '../../snapshot/store/record.ts';
import type { SnapshotResult } from '../snapshot.ts';
import type { Children } from './children.ts';
import { type Announcer, due, shown } from './notify.ts';
import { msUntilOpen, type RestartWindow } from './window.ts';

/** When a veto, or an upgrade that was not complete, is asked about again, should nothing happen before, ms. */
export const ASK_AGAIN_MS = 300_000;

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

/** @returns when to ask again, ms @throws SyscallError */
export async function goodMoment(
  { window, veto }: MomentOptions,
  replacement: Replacement,
  children: Children,
  announcer: Announcer,
): Promise<'go' | number> {
  const { installed, running } = replacement;
  const wait = window === undefined ? 0 : msUntilOpen(window, new Date());
  if (wait > 0) {
    announcer.say(`${due(installed, running)}: waiting for the restart window`);
    return wait;
  }
  const answer =
    veto === undefined
      ? { status: 0 }
      : await children.run('/bin/sh', ['sh', '-c', veto], factsOf(replacement));
  if ('status' in answer && answer.status === 0) return 'go';
  announcer.say(`${due(installed, running)}: --restart-if says no (${shown(answer)})`);
  return ASK_AGAIN_MS;
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
