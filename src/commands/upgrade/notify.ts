/** What the parent of --on-upgrade says: each thing once, to the operator and to the service manager. */
import { systemError } from '../../errors.ts';
import { notifyStatus } from '../../linux/process/notify-socket.ts';
import type { Ended } from '../../linux/process/spawn.ts';
import type { Context } from '../context.ts';

/** Says what is new. */
export class Announcer {
  readonly #context: Context;
  #said = '';

  constructor(context: Context) {
    this.#context = context;
  }

  /** On standard error, and as `STATUS=` where there is a NOTIFY_SOCKET. */
  say(text: string): void {
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

/** What has a version and a root: an installation, a snapshot. */
interface Release {
  readonly version: string;
  readonly root: string;
}

/** Two builds of one version differ in their roots. */
export function due(installed: Release, running: Release): string {
  return `${installed.version} (${installed.root.slice(0, 16)}) is installed, ${running.version} (${running.root.slice(0, 16)}) runs`;
}

/** How a process ended, in words. */
export function shown(ended: Ended): string {
  return 'signal' in ended ? ended.signal : `status ${ended.status}`;
}
