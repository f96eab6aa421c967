/** What stands around a node: the unit that starts it, and the hooks that ask before its package is upgraded. Only looks. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError, quote } from '../../errors.ts';
import { isOfUnit } from '../adopt/drop-in.ts';
import { dropInPath, readDropIn } from '../adopt/drop-in-file.ts';
import { contribOf, findProgram, isHoldfastByName, SYSTEMD_PATH } from '../adopt/programs.ts';
import type { Systemd } from '../adopt/systemctl.ts';
import { readUnit } from '../adopt/unit.ts';
import type { Context } from '../context.ts';
import { type DoctorFinding, ok, warning } from './report.ts';

/** Is the unit under holdfast? No unit at all is none of our business. */
export function checkUnit(systemd: Systemd, name: string, context: Context): DoctorFinding {
  if (!existsSync('/run/systemd/system')) {
    return existsSync('/run/openrc')
      ? checkScript(`/etc/init.d/${name.replace(/\.service$/, '')}`)
      : ok('no systemd runs here: what starts lightningd cannot be asked');
  }
  let shown: Record<string, string>;
  try {
    shown = systemd.show(name, ['LoadState', 'ExecStart', 'NeedDaemonReload']);
  } catch (error) {
    if (error instanceof HoldfastError) return warning(error.message);
    throw error;
  }
  if (shown.LoadState === 'not-found')
    return ok(`there is no unit ${name} (holdfast doctor UNIT looks at another)`);
  if (shown.LoadState !== 'loaded')
    return warning(`${name} is ${shown.LoadState}: systemd does not start it`, `systemctl status ${name}`);
  if (isHoldfastByName(systemd.programOf(name), context))
    return ok(`${name} starts lightningd from a snapshot: its program is a link to holdfast`);
  if (!/[/ ]holdfast (--?\S+ )*run /.test(shown.ExecStart ?? '')) {
    return warning(`${name} starts lightningd without holdfast`, `sudo holdfast adopt ${name}`);
  }
  if (shown.NeedDaemonReload === 'yes')
    return warning(`${name} was changed since systemd read it`, 'systemctl daemon-reload');
  return isOutdated(systemd, name, context)
    ? warning(
        `${name} starts lightningd from a snapshot, by a drop-in of an ExecStart= that the unit has no more`,
        `sudo holdfast adopt ${name}`,
      )
    : ok(`${name} starts lightningd from a snapshot`);
}

/** A service of OpenRC. */
function checkScript(path: string): DoctorFinding {
  if (containsName(path)) return ok(`${quote(path)} starts lightningd from a snapshot`);
  return warning(
    `OpenRC starts services here, and ${quote(path)} ${existsSync(path) ? 'has no holdfast in it' : 'is not there'}`,
    'docs/guides.md has a script for it: contrib/openrc/lightningd',
  );
}

/** Our drop-in stands before what a new package may have put into the unit. */
function isOutdated(systemd: Systemd, name: string, context: Context): boolean {
  try {
    const text = readDropIn(dropInPath(systemd.isUser, name, context));
    return text !== undefined && !isOfUnit(text, readUnit(systemd, name));
  } catch (error) {
    if (error instanceof HoldfastError) return false; // closed to us, or put under holdfast by hand
    throw error;
  }
}

interface Hook {
  /** the program whose transactions are meant */
  readonly manager: string;
  /** files, or directories of files, of which one has to name holdfast */
  readonly places: readonly string[];
  /** how it is installed, from the directory of contrib */
  readonly install: (contrib: string) => string;
}

/** Those of docs/package-managers.md. */
const HOOKS: readonly Hook[] = [
  {
    manager: 'apt-get',
    places: ['/etc/apt/apt.conf.d'],
    install: contrib =>
      `install -D -m 755 ${contrib}/apt/holdfast-guard-apt /usr/local/lib/holdfast/holdfast-guard-apt && install -m 644 ${contrib}/apt/80holdfast /etc/apt/apt.conf.d/80holdfast`,
  },
  {
    manager: 'needrestart',
    places: ['/etc/needrestart/conf.d'],
    install: contrib =>
      `install -m 644 ${contrib}/needrestart/holdfast.conf /etc/needrestart/conf.d/holdfast.conf`,
  },
  {
    manager: 'pacman',
    places: ['/etc/pacman.d/hooks', '/usr/share/libalpm/hooks'],
    install: contrib => `install -D -m 644 ${contrib}/pacman/holdfast.hook /etc/pacman.d/hooks/holdfast.hook`,
  },
  {
    manager: 'dnf5',
    places: ['/etc/dnf/libdnf5-plugins/actions.d'],
    install: contrib =>
      `install -D -m 755 ${contrib}/dnf/holdfast-guard-dnf /usr/local/lib/holdfast/holdfast-guard-dnf && install -m 644 ${contrib}/dnf/holdfast.actions /etc/dnf/libdnf5-plugins/actions.d/holdfast.actions`,
  },
  {
    manager: 'emerge',
    places: ['/etc/portage/bashrc', '/etc/portage/bashrc.d'],
    install: contrib => `cat ${contrib}/portage/bashrc >>/etc/portage/bashrc`,
  },
];

/** Which package managers are here, and do they ask holdfast? */
export function checkHooks(self: string): DoctorFinding {
  const here = HOOKS.filter(({ manager }) => findProgram(manager, SYSTEMD_PATH) !== undefined);
  if (here.length === 0) return ok('none of the package managers that holdfast has a hook for is here');
  const missing = here.filter(({ places }) => !places.some(namesHoldfast));
  const names = (hooks: readonly Hook[]) => hooks.map(({ manager }) => manager).join(', ');
  if (missing.length === 0) return ok(`${names(here)}: the hook is installed`);
  return warning(
    `${names(missing)}: without the hook nobody asks before the files of a plain lightningd are replaced`,
    ...missing.map(({ install }) => install(contribOf(self))),
  );
}

function namesHoldfast(place: string): boolean {
  try {
    return readdirSync(place).some(name => containsName(join(place, name)));
  } catch {
    return containsName(place); // a file, or nothing
  }
}

function containsName(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').includes('holdfast');
  } catch {
    return false; // not there, or closed to us
  }
}
