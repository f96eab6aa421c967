/** How to have a package manager put back what it installed. Only looks at which there are. */
import { existsSync } from 'node:fs';

/** A path of the database of each, and the command for one file, owners and modes included. */
const MANAGERS: readonly { readonly database: string; readonly command: (file: string) => string }[] = [
  {
    database: '/var/lib/dpkg/status',
    command: file => `apt-get install --reinstall "$(dpkg -S ${file} | cut -d: -f1)"`,
  },
  { database: '/usr/lib/sysimage/rpm', command: restoreByRpm },
  { database: '/var/lib/rpm', command: restoreByRpm },
  { database: '/var/lib/pacman/local', command: file => `pacman -S "$(pacman -Qqo ${file})"` },
];

function restoreByRpm(file: string): string {
  return `p=$(rpm -qf ${file}); rpm --setugids "$p"; rpm --setperms "$p"`;
}

/**
 * The command lines that bring the file back as its package has it: one for each package manager of this machine.
 * @param file its path; for one that a shell could read otherwise there is none
 */
export function commandsToRestore(file: string, root = ''): string[] {
  if (!/^[\w./+@=-]+$/.test(file)) return [];
  const commands = MANAGERS.filter(({ database }) => existsSync(root + database)).map(({ command }) =>
    command(file),
  );
  return [...new Set(commands)];
}
