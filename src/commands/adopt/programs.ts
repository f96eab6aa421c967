/** Which paths of holdfast and of Node.js a unit should name. Only looks. */

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { whatOthersMayChange } from '../../linux/files/trust.ts';
import type { Context } from '../context.ts';

/** Where systemd looks for programs that have no slash in their name, and the PATH of a unit that sets none. */
export const SYSTEMD_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The least Node.js that holdfast runs on; bin/holdfast says the same. */
const LEAST = [20, 19] as const;

/**
 * The path of holdfast that stays the same when holdfast is upgraded: a link in PATH that leads to the program that runs
 * now, those of the machine first; else that program itself.
 */
export function stableHoldfast({ self, environment }: Pick<Context, 'self' | 'environment'>): string {
  const directories = [...SYSTEMD_PATH.split(':'), ...(environment.PATH ?? '').split(':')];
  for (const directory of directories) {
    if (!directory.startsWith('/')) continue;
    const path = join(directory, 'holdfast');
    if (realPath(path) === self) return path;
  }
  return self;
}

/** Is this holdfast under lightningd's name, which acts as `run`? */
export function isHoldfastByName(program: string | undefined, { self }: Pick<Context, 'self'>): boolean {
  return program !== undefined && basename(program) === 'lightningd' && realPath(program) === self;
}

/**
 * HOLDFAST_NODE that the unit needs; undefined where the `node` that it finds by itself will do. One that root may not
 * trust is not asked: the rehearsal tells, as the unit's user.
 */
export function nodeFor(path: string, current: string, uid: number): string | undefined {
  const found = findProgram('node', path);
  return found !== undefined && (!mayExecute(found, uid) || isNewEnough(found)) ? undefined : current;
}

/** Root executes only what nobody else could have put there. */
export function mayExecute(path: string, uid: number): boolean {
  try {
    return uid !== 0 || whatOthersMayChange(path, [uid]) === undefined;
  } catch {
    return false; // it is gone, or in the middle of an upgrade
  }
}

/** A program by its name, as execvp(3) finds it. */
export function findProgram(name: string, path: string): string | undefined {
  return path
    .split(':')
    .filter(directory => directory.startsWith('/'))
    .map(directory => join(directory, name))
    .find(isExecutable);
}

function isNewEnough(node: string): boolean {
  const { stdout } = spawnSync(node, ['--version'], {
    encoding: 'utf8',
    timeout: 5_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(stdout ?? '') ?? [];
  return Number(major) > LEAST[0] || (Number(major) === LEAST[0] && Number(minor) >= LEAST[1]);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not for us: looked for elsewhere
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined; // not there
  }
}

/** Where contrib is: beside bin in the npm package and a checkout, with the documents in the Debian package. */
export function contribOf(self: string): string {
  const places = [join(dirname(self), '..', 'contrib'), '/usr/share/doc/holdfast/examples'];
  return places.find(path => existsSync(path)) ?? 'contrib';
}
