/** What the parent of --on-upgrade says: each thing once, to the operator and to the service manager. */
import { HoldfastError, systemError } from '../../errors.ts';
import { orderOf } from '../../lightning/installation/version-order.ts';
import { notifyStatus } from '../../linux/process/notify-socket.ts';
import type { Ended } from '../../linux/process/spawn.ts';
import type { Context } from '../context.ts';

/** Says what is new. */
export class Announcer {
  readonly #context: Context;
  #said = '';
  #isClosed = false;
  readonly #problems = new Set<string>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** On standard error, and as `STATUS=` where there is a NOTIFY_SOCKET. */
  say(text: string): void {
    if (text === this.#said || this.#isClosed) return;
    this.#said = text;
    this.#context.notice(text);
    this.#tellManager(text);
  }

  /** A failure that is tried again: each once, until all goes well. */
  problem(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (this.#problems.has(text) || this.#isClosed) return;
    this.#problems.add(text);
    const hints = error instanceof HoldfastError ? error.hints.map(hint => `; ${hint}`) : [];
    this.#context.warn(`${text}: it will be tried again${hints.join('')}`);
  }

  /** What failed before would be news. */
  allIsWell(): void {
    this.#problems.clear();
  }

  /** Nothing more is said. */
  close(): void {
    this.#isClosed = true;
  }

  /** With --verbose only. */
  detail(text: string): void {
    this.#context.detail(text);
  }

  #tellManager(text: string): void {
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
  const doubt =
    orderOf(installed.version, running.version) === 'unknown'
      ? '; which of them is newer cannot be told'
      : '';
  return `${installed.version} (${installed.root.slice(0, 16)}) is installed, ${running.version} (${running.root.slice(0, 16)}) runs${doubt}`;
}

/** How a process ended, in words; `time`: it had to be ended. */
export function shown(ended: Ended | 'time'): string {
  if (ended === 'time') return 'took too long';
  return 'signal' in ended ? ended.signal : `status ${ended.status}`;
}
