/**
 * Functions of src/ under real mounts: each call makes its mounts in a mount namespace of its own, which ends with the
 * process, so that nothing is left mounted whatever happens.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeSync } from 'fs-extra/esm';
import { onTestFinished } from 'vitest';
import { bundle, environment } from './elsewhere.ts';

/** Why mounts cannot be made here, for `ctx.skip`; undefined where they can. */
export function noMounts(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can mount';
  const { status } = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], {
    stdio: 'ignore',
  });
  return status === 0 ? undefined : 'this machine does not let root mount (unshare -m)';
}

/** Why no root of its own can be made over this machine's, for `ctx.skip`; undefined where it can. */
export function noOverlayRoot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'holdfast-test-'));
  const script = `mount -t tmpfs none "$0" && cd "$0" && mkdir upper work root cgroup
    mount -t overlay none -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" root
    mount -t proc proc root/proc && mount -t cgroup2 none cgroup && mkdir "cgroup/\${0##*/}" && rmdir "cgroup/\${0##*/}"`;
  const namespaces = ['--mount', '--pid', '--fork', '--cgroup', '--uts', '--ipc', '--net'];
  const { status, stderr } = spawnSync('unshare', [...namespaces, 'sh', '-ec', script, dir], {
    encoding: 'utf8',
  });
  rmSync(dir, { recursive: true });
  return status === 0 ? undefined : `no root of its own over this one: ${stderr.trim().split('\n')[0]}`;
}

/** A directory below /var/tmp, since what is below /tmp is refused as a fallback; removed after the test. */
export function lastingDir(): string {
  const path = mkdtempSync('/var/tmp/holdfast-test-');
  chmodSync(path, 0o755);
  onTestFinished(() => removeSync(path));
  return path;
}

/** How a call is to be made. */
export interface NamespaceOptions {
  /** run as this user; the default is root */
  readonly user?: number;
  /** arguments of the program */
  readonly args?: readonly string[];
}

/** Makes a program of `source` (whose imports name modules as `'src/…'`), to be run under mounts. */
export async function programOf(source: string): Promise<string> {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'holdfast-test-'));
  chmodSync(directory, 0o755);
  onTestFinished(() => removeSync(directory));
  return bundle(directory, source);
}

/**
 * Runs the shell commands `setup` (as root) in a new mount namespace, then the program; gives what it prints, parsed.
 * `$D` in `setup` is `directory`.
 */
export function underMounts(
  program: string,
  directory: string,
  setup: string,
  { user, args = [] }: NamespaceOptions = {},
): unknown {
  const as = user === undefined ? '' : `setpriv --reuid=${user} --regid=${user} --clear-groups `;
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['-m', 'sh', '-c', `set -e\n${setup}\nexec ${as}"$@"`, 'sh', process.execPath, program, ...args],
    { encoding: 'utf8', env: { ...environment, D: directory }, timeout: 30_000 },
  );
  if (status !== 0) throw new Error(`ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}
