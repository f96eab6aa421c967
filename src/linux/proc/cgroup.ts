/**
 * The systemd service of a process, from /proc/PID/cgroup (cgroups(7)), as systemd itself reads it
 * (src/basic/cgroup-util.c: cg_path_get_unit, cg_path_get_user_unit). The parser is pure.
 */
import { readFileSync } from 'node:fs';

/** A service that systemctl(1) can restart. */
export interface SystemdService {
  /** As systemctl takes it, with its `\x2d` escapes: `lightningd.service`, `lightningd@alice.service`. */
  readonly name: string;
  /** The uid whose manager runs it (`systemctl --user`); undefined for the system's. */
  readonly userManager: number | undefined;
}

/** The service of a process. @returns undefined where it is in none, or that cannot be read */
export function serviceOf(pid: number, proc = '/proc'): SystemdService | undefined {
  try {
    return parseCgroup(readFileSync(`${proc}/${pid}/cgroup`, 'utf8'));
  } catch {
    return undefined; // gone, or closed to us: the caller says "no unit known", which is true
  }
}

/**
 * Reads /proc/PID/cgroup: `hierarchy:controllers:path`. systemd's own hierarchy is `name=systemd` (v1 and hybrid), else
 * the unified one, `0::`. Scopes (a login session, a container) are no services: nothing can restart them.
 */
export function parseCgroup(text: string): SystemdService | undefined {
  let unified: string | undefined;
  let named: string | undefined;
  for (const line of text.split('\n')) {
    const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers === 'name=systemd') named = path;
    else if (hierarchy === '0' && controllers === '') unified = path;
  }
  return (named && serviceOfPath(named)) || (unified && serviceOfPath(unified)) || undefined;
}

function serviceOfPath(path: string): SystemdService | undefined {
  // A cgroup that was removed under its process reads `… (deleted)`; one outside our cgroup namespace begins with `/..`.
  const parts = path
    .replace(/ \(deleted\)$/, '')
    .split('/')
    .filter(part => part !== '' && part !== '..')
    .map(unescapeName);
  const unit = parts[skipSlices(parts, 0)];
  if (unit === undefined) return undefined;
  const user = /^user@(\d+)\.service$/.exec(unit)?.[1];
  if (user === undefined) return isService(unit) ? { name: unit, userManager: undefined } : undefined;
  // Below user@UID.service are that user's own units; directly in it is the manager, which nobody should restart.
  const own = parts[skipSlices(parts, skipSlices(parts, 0) + 1)];
  return own !== undefined && isService(own) ? { name: own, userManager: Number(user) } : undefined;
}

function skipSlices(parts: readonly string[], from: number): number {
  let at = from;
  while (parts[at]?.endsWith('.slice') === true) at++;
  return at;
}

/** systemd puts `_` before a name that could be taken for a file of the cgroup file system (cg_escape). */
function unescapeName(part: string): string {
  return part.startsWith('_') ? part.slice(1) : part;
}

/** Unit names: letters, digits and `:-_.\`, one `@` before the instance, at most 255 bytes (systemd.unit(5)). */
function isService(unit: string): boolean {
  return unit.length <= 255 && /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\@-]*)?\.service$/.test(unit);
}
