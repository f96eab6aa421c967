/**
 * Nodes of real Core Lightning, plain or under holdfast: started, asked and ended. They listen on 127.0.0.1 alone,
 * look up no names and know no peer but one another.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CLI } from './installation.ts';

const STOP_SECONDS = 30;

/**
 * The system's programs and this Node, as for a service: a python3 of pyenv, say, is a script that starts others, which
 * no confinement can know of.
 */
const PATH = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

/** How a node is to be started. */
export interface NodeOptions {
  /** what becomes lightningd: the program itself, or holdfast and its words */
  readonly command: readonly string[];
  /** more of lightningd's own arguments */
  readonly args?: readonly string[];
  readonly network?: 'regtest' | 'signet';
  readonly env?: NodeJS.ProcessEnv;
  /** another user's node; needs root */
  readonly user?: number;
  /** shell commands for a mount namespace of the node's own, as root; `$D` is its lightning-dir */
  readonly mounts?: string;
}

/** Waits until something is there; the poll is coarse, since each look starts a program. */
export async function until<T>(what: string, look: () => T | false | undefined, seconds = 60): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = look();
    if (value !== false && value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** A lightningd with its directory, its log and its end. */
export class RealNode {
  readonly dir: string;
  readonly network: string;
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #mounts: boolean;

  constructor(child: ChildProcess, dir: string, network: string, port: number, mounts: boolean) {
    this.#child = child;
    this.dir = dir;
    this.network = network;
    this.port = port;
    this.#mounts = mounts;
  }

  /** Of what was started: lightningd itself, or holdfast where it stays as the parent. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Whether what was started has ended, and how; with `--daemon` this says nothing of lightningd. */
  get ended(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    return exitCode === null ? (signalCode ?? undefined) : `exit ${exitCode}`;
  }

  /** Everything on standard output and error. */
  output(): string {
    return readFileSync(`${this.dir}.${this.network}.out`, 'utf8');
  }

  /** lightningd's own log. */
  log(): string {
    return readFileSync(`${this.dir}.${this.network}.log`, 'utf8');
  }

  /** The end of the log, without what is said all the time. */
  lastWords(): string {
    const lines = this.log().trimEnd().split('\n');
    return lines
      .filter(line => !/ (DEBUG|TRACE) /.test(line))
      .slice(-15)
      .join('\n');
  }

  /** The lines that Core Lightning marks as never to be seen. */
  broken(): string[] {
    return this.log()
      .split('\n')
      .filter(line => line.includes('BROKEN'));
  }

  /** The snapshot that it runs from, by what the kernel says of its process. */
  snapshot(): string {
    return dirname(dirname(readlinkSync(`/proc/${this.pid}/exe`)));
  }

  /** Runs lightning-cli against it. */
  cli(...words: string[]) {
    const top = this.#mounts ? `/proc/${this.pid}/root` : '';
    const where = [`--network=${this.network}`, `--lightning-dir=${top}${this.dir}`];
    return spawnSync(CLI, [...where, ...words], { encoding: 'utf8', timeout: 60_000 });
  }

  /** The answer of a method; fails where it fails. */
  // biome-ignore lint/suspicious/noExplicitAny: each method answers in its own shape
  rpc(...words: string[]): any {
    const { status, stdout, stderr } = this.cli(...words);
    if (status !== 0) throw new Error(`lightning-cli ${words.join(' ')}: ${stdout}${stderr}`);
    return JSON.parse(stdout);
  }

  /** The version that answers, if one does. */
  version(): string | undefined {
    const { status, stdout } = this.cli('getinfo');
    return status === 0 ? JSON.parse(stdout).version : undefined;
  }

  /** Has lightning_openingd spawned by both nodes; '' when it was, else what was said instead. Needs no funds. */
  open(peer: RealNode): string {
    const { id } = peer.rpc('getinfo');
    const connected = this.cli('connect', id, '127.0.0.1', `${peer.port}`);
    if (connected.status !== 0) return said(connected);
    const started = this.cli('fundchannel_start', id, '100000');
    if (started.status !== 0) return said(started);
    this.cli('fundchannel_cancel', id);
    this.cli('disconnect', id, 'true');
    return '';
  }

  /** Asks it to stop, and waits for its end. */
  async stop(): Promise<void> {
    this.cli('stop');
    await until('a node to stop', () => this.ended, STOP_SECONDS);
  }
}

/** What a failed call said, on one line. */
function said({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const text = stdout.trim() || stderr.trim();
  try {
    return JSON.parse(text).message;
  } catch {
    return text.replaceAll(/\s+/g, ' ');
  }
}

/** Starts a node in a new or known lightning-dir, and waits until it answers. Ended when the test is over. */
export async function startNode(dir: string, options: NodeOptions): Promise<RealNode> {
  const node = await launch(dir, options);
  await until('the node to answer', () => {
    if (node.ended !== undefined && !options.args?.includes('--daemon'))
      throw new Error(`${node.ended} before it answered:\n${node.output()}`);
    return node.version();
  });
  return node;
}

/** The same without the wait: for launches that fail. */
export async function launch(dir: string, options: NodeOptions): Promise<RealNode> {
  const { user, mounts, network = 'regtest' } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const backend = `${dir}.mjs`; // a copy: a user of the node may not be able to enter this repository
  copyFileSync(join(import.meta.dirname, 'backend.js'), backend);
  const log = `${dir}.${network}.log`; // beside it: a mount over the directory hides what lies in there
  writeFileSync(log, '');
  if (user !== undefined) for (const path of [dir, log]) chownSync(path, user, user);
  const port = await freePort();
  const words = [
    ...(mounts === undefined ? [] : ['unshare', '-m', 'sh', '-ec', `${mounts}\nexec "$@"`, 'sh']),
    ...(user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']),
    ...options.command,
    `--network=${network}`,
    `--lightning-dir=${dir}`,
    '--disable-plugin=bcli',
    `--plugin=${backend}`,
    `--bind-addr=127.0.0.1:${port}`,
    '--disable-dns',
    `--log-file=${log}`,
    '--log-level=debug',
    ...(options.args ?? []),
  ];
  const out = openSync(`${dir}.${network}.out`, 'a');
  const env = { ...process.env, PATH, ...options.env, D: dir };
  const [file = '', ...args] = words;
  const child = spawn(file, args, { env, stdio: ['ignore', out, out], detached: true });
  const node = new RealNode(child, dir, network, port, mounts !== undefined);
  onTestFinished(() => end(child));
  onTestFinished(({ task }) => {
    if (task.result?.state !== 'fail') return;
    console.log(`--- ${words.join(' ')}\n${node.output()}--- its log ends with\n${node.lastWords()}`);
  });
  if (options.args?.includes('--daemon')) onTestFinished(() => endDaemon(node));
  return node;
}

/** Ends a node and its children by their process group, which the test made. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    return; // ESRCH: all have ended
  }
  await until('a node to end', () => child.exitCode !== null || child.signalCode !== null);
}

/** Ends a node that has left its parent and its process group. */
async function endDaemon(node: RealNode): Promise<void> {
  const pid = Number(readFileSync(join(node.dir, `lightningd-${node.network}.pid`), 'utf8'));
  node.cli('stop');
  await until('a daemon to end', () => !existsSync(`/proc/${pid}`), STOP_SECONDS);
}

/** A port of 127.0.0.1 that nobody listens on. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
