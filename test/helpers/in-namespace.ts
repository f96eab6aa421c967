/**
 * A shell script in a mount namespace of its own, as root: what it mounts is gone with it, whatever happens. Each line of
 * its standard output is one JSON value.
 */
import { spawnSync } from 'node:child_process';
import { HOLDFAST } from './holdfast.ts';

/** `as UID COMMAND…`, `json TEXT` (as a JSON string), and `$HOLDFAST`, are there for the script; `$D` is `directory`. */
export function inMountNamespace<T>(directory: string, script: string, timeoutMs = 120_000): T[] {
  const prelude = String.raw`
    as() { u=$1; shift; setpriv --reuid="$u" --regid="$u" --clear-groups "$@"; }
    json() { printf '"'; printf %s "$1" | sed -z 's/[\\"]/\\&/g; s/\n/\\n/g'; printf '"'; }`;
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
