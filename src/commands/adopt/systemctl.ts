/**
 * systemctl(1) and systemd-analyze(1), for adopt. Never starts, stops or restarts a unit but the one of the rehearsal,
 * which is made for that and gone afterwards.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { HoldfastError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { contribOf } from './programs.ts';

/** What a command said. */
export interface Said {
  /** null: a signal ended it, or it took too long */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Long enough for a rehearsal that waits for an upgrade to finish, ms. */
const LIMIT_MS = 300_000;

/** A manager of systemd: the machine's, or the user's own. */
export class Systemd {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #contrib: string;
  readonly isUser: boolean;

  constructor({ environment, self }: Pick<Context, 'environment' | 'self'>, isUser: boolean) {
    this.#environment = environment;
    this.#contrib = contribOf(self);
    this.isUser = isUser;
  }

  /** Runs `systemctl WORD…`. @throws HoldfastError `UNSUPPORTED` where it cannot be had */
  systemctl(...words: string[]): Said {
    const said = this.#run('systemctl', this.isUser ? ['--user', ...words] : words);
    if (said === undefined) throw withoutSystemd('there is no systemctl in PATH', this.#contrib);
    return said;
  }

  /** Runs `systemd-analyze WORD…`. @returns undefined where it is not installed */
  analyze(...words: string[]): Said | undefined {
    return this.#run('systemd-analyze', this.isUser ? ['--user', ...words] : words);
  }

  /** Properties of a unit, by name. @throws HoldfastError `UNSUPPORTED` where the manager does not answer */
  show(unit: string, names: readonly string[]): Record<string, string> {
    const said = this.systemctl('show', '--no-pager', `--property=${names.join(',')}`, '--', unit);
    if (said.status !== 0) throw withoutSystemd(said.stderr.trim() || 'systemctl show failed', this.#contrib);
    const lines = said.stdout.split('\n').filter(line => line.includes('='));
    return Object.fromEntries(
      lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  /** The program of ExecStart=, specifiers expanded. */
  programOf(unit: string): string | undefined {
    return /path=(\/.*?) ; argv\[\]=/.exec(this.show(unit, ['ExecStart']).ExecStart ?? '')?.[1];
  }

  /** PATH and HOLDFAST_NODE that a unit gives its programs, as far as its files and the manager say. */
  environmentOf(unit: string): {
    readonly PATH: string | undefined;
    readonly HOLDFAST_NODE: string | undefined;
  } {
    const manager = this.systemctl('show-environment').stdout;
    const own = this.show(unit, ['Environment']).Environment ?? '';
    const find = (name: string): string | undefined => {
      const pattern = new RegExp(`(?:^|[ \n"])${name}=([^ \n"]*)`, 'g');
      return [...manager.matchAll(pattern), ...own.matchAll(pattern)].at(-1)?.[1];
    };
    return { PATH: find('PATH'), HOLDFAST_NODE: find('HOLDFAST_NODE') };
  }

  #run(program: string, words: readonly string[]): Said | undefined {
    const { status, stdout, stderr, error } = spawnSync(program, words, {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', ...this.#environment, LC_ALL: 'C', SYSTEMD_COLORS: '0' },
      timeout: LIMIT_MS,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (error !== undefined && 'code' in error && error.code === 'ENOENT') return undefined;
    return { status, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
}

/** What to type where there is no systemd: for OpenRC the script that we bring, for all else the words. */
function withoutSystemd(reason: string, contrib: string): HoldfastError {
  const hint = existsSync('/sbin/openrc-run')
    ? [
        'with OpenRC a script of ours starts lightningd, and /etc/conf.d/lightningd has its settings:',
        `install -m 755 ${contrib}/openrc/lightningd /etc/init.d/lightningd && rc-service lightningd restart`,
      ]
    : ["put 'holdfast run' in front of lightningd in what starts it: holdfast run lightningd …"];
  return new HoldfastError('UNSUPPORTED', `systemd cannot be asked: ${reason}`, { hint });
}
