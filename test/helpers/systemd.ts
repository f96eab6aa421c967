/** A real systemd for tests, with units of the test alone, in a root of its own: test/helpers/systemd.sh. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HOLDFAST } from './holdfast.ts';
import { noOverlayRoot } from './mounts.ts';
import { works } from './running.ts';
import { makeCInstallation } from './stand-in.ts';

const SCRIPT = join(import.meta.dirname, 'systemd.sh');
const CHECKOUT = join(dirname(HOLDFAST), '..');

/** Why there is no systemd here; undefined where there is. */
export function noSystemd(): string | undefined {
  if (!existsSync('/lib/systemd/systemd') || !works('systemctl', '--version'))
    return 'systemd is not installed';
  return noOverlayRoot();
}

/** What the machine has when systemd starts: Core Lightning and holdfast in /usr (a unit may see no other directory), the user bitcoin and a configuration. */
const PREPARE = `
cp -a /run/test/installed/usr/. /usr/
mkdir -p /usr/lib/holdfast/node_modules
cp -a ${CHECKOUT}/package.json ${CHECKOUT}/bin ${CHECKOUT}/dist /usr/lib/holdfast/
cp -a ${CHECKOUT}/node_modules/koffi ${CHECKOUT}/node_modules/@koromix /usr/lib/holdfast/node_modules/
ln -sf /usr/lib/holdfast/bin/holdfast /usr/bin/holdfast
[ /usr/bin/node -ef ${process.execPath} ] || cp ${process.execPath} /usr/bin/node
echo 'bitcoin:x:4711:4711::/var/lib/bitcoin:/bin/sh' >>/etc/passwd
echo 'bitcoin:x:4711:' >>/etc/group
mkdir -p /var/lib/bitcoin /etc/lightningd
chown 4711:4711 /var/lib/bitcoin
printf 'network=regtest\\nlightning-dir=/var/lib/bitcoin/lightning\\n' >/etc/lightningd/lightningd.conf
mkdir -p /srv/root
find /usr/bin /usr/libexec -type d -exec touch -d '1 hour ago' {} +
`;

/**
 * Boots, runs `driver` (bash, as root, inside; `unit NAME` reads a unit of that name from standard input, `up NAME
 * LIGHTNING-DIR` waits for the unit's node to answer or for its end) and hands over the files that it wrote to its
 * working directory, by their names.
 * @param version of the Core Lightning that is installed
 * @throws what went wrong, with systemd's own log, when the driver does not end within three minutes
 */
export function underSystemd(dir: string, driver: string, version = 'v25.12'): Record<string, string> {
  const units = join(dir, 'units');
  mkdirSync(units);
  mkdirSync(join(dir, 'out'));
  makeCInstallation(join(dir, 'installed'), version);
  for (const name of ['sysinit', 'basic', 'shutdown', 'umount', 'final'])
    writeFileSync(join(units, `${name}.target`), `[Unit]\nDescription=${name}\n`);
  writeFileSync(join(units, 'test.target'), '[Unit]\nWants=driver.service\n');
  writeFileSync(
    join(units, 'driver.service'),
    '[Service]\nType=oneshot\nExecStart=/bin/bash /run/test/driver\nWorkingDirectory=/run/test/out\n' +
      'StandardOutput=file:/run/test/driver.log\nStandardError=inherit\n',
  );
  writeFileSync(join(dir, 'prepare'), PREPARE);
  writeFileSync(
    join(dir, 'driver'),
    `export SYSTEMD_UNIT_PATH=/run/test/units:/etc/systemd/system:/run/systemd/system
unit() { cat >"/run/test/units/$1"; }
up() {
  while systemctl -q is-active "$1"; do
    lightning-cli --lightning-dir="$2" --network=regtest getinfo >/dev/null 2>&1 && return
    sleep 0.05
  done
  false
}
${driver}
: >/run/test/done
systemctl poweroff --force --force
`,
  );
  const log = (name: string) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '');
  const machine = spawnSync('bash', [SCRIPT, dir, CHECKOUT, dirname(process.execPath)], {
    encoding: 'utf8',
    timeout: 180_000,
  });
  if (!existsSync(join(dir, 'done')))
    throw new Error(`the driver did not end:\n${machine.stderr}${log('driver.log')}${log('manager.log')}`);
  const out = join(dir, 'out');
  return Object.fromEntries(readdirSync(out).map(name => [name, readFileSync(join(out, name), 'utf8')]));
}

/** Does this Node call pkey_alloc(2) as it starts, which `SystemCallFilter=@system-service` alone kills it for? 22 to 26 do not. */
export const NEEDS_PKEY = process.versions.node.startsWith('20.');
