/** What systemd itself says of the drop-in: before it is written, and when it is read. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemError } from '../../errors.ts';
import type { AdoptCheck } from './report.ts';
import type { Systemd } from './systemctl.ts';
import { DROP_IN_NAME, type Unit } from './unit.ts';

/**
 * `systemd-analyze verify` on the unit with the drop-in, in a directory of its own. What it says of the unit without the
 * drop-in too is none of ours. @throws HoldfastError `SYSTEM`
 */
export function checkVerify(systemd: Systemd, unit: Unit, text: string): AdoptCheck {
  const scratch = makeScratch();
  try {
    const file = join(scratch, unit.name);
    copyFileSync(unit.fragment, file);
    const before = systemd.analyze('verify', file);
    if (before === undefined)
      return { name: 'verify', verdict: 'unknown', reason: 'systemd-analyze is not installed' };
    mkdirSync(`${file}.d`);
    writeFileSync(join(`${file}.d`, DROP_IN_NAME), text);
    const after = systemd.analyze('verify', file);
    const known = new Set(before.stderr.split('\n').map(withoutPlace));
    const news = (after?.stderr ?? '').split('\n').filter(line => !known.has(withoutPlace(line)));
    return news.length === 0
      ? { name: 'verify', verdict: 'ok', reason: 'verify says nothing new' }
      : { name: 'verify', verdict: 'finding', reason: news.join('; ').replaceAll(scratch, '') };
  } catch (error) {
    throw systemError('verify a copy of the unit in', scratch, error);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The same warning about the same words is not new where they stand in the drop-in as well: `FILE:LINE: …`. */
function withoutPlace(line: string): string {
  return line.replace(/^\/.*?:\d+: /, '');
}

function makeScratch(): string {
  const parent = tmpdir();
  try {
    return mkdtempSync(join(parent, 'holdfast-adopt-'));
  } catch (error) {
    throw systemError('make a directory in', parent, error);
  }
}

/** Would systemd start holdfast now? */
export function checkLoaded(systemd: Systemd, name: string, holdfast: string): AdoptCheck {
  const { ExecStart = '' } = systemd.show(name, ['ExecStart']);
  return ExecStart.includes(`argv[]=${holdfast} run `)
    ? { name: 'loaded', verdict: 'ok', reason: `systemd starts ${holdfast} run … from now on` }
    : {
        name: 'loaded',
        verdict: 'finding',
        reason: `systemd would start something else: systemctl cat ${name} shows what applies`,
      };
}
