/**
 * A shell script in a mount namespace of its own, as root: what it mounts is gone with it, whatever happens. Each line of
 * its standard output is one JSON value.
 */
import { spawnSync } from 'node:child_process';
import { HOLDFAST } from './holdfast.ts';

/** `as UID COMMAND…`, and `$HOLDFAST`, are there for the script; `$D` is `directory`. */
export function inMountNamespace<T>(directory: string, script: string, timeoutMs = 120_000): T[] {
  const prelude = 'as() { u=$1; shift; setpriv --reuid="$u" --regid="$u" --clear-groups "$@"; }';
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['-m', 'bash', '-c', `set -e\n${prelude}\n${script}`],
    {
      encoding: 'utf8',
      env: { ...process.env, D: directory, HOLDFAST },
      maxBuffer: 64 * 1024 * 1024,
      timeout: timeoutMs,
    },
  );
  if (status !== 0) throw new Error(`ended with ${status}: ${stderr}\n${stdout}`);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));
}
