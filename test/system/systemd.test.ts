/**
 * A real systemd starts lightningd through holdfast: by the unit that its authors ship, under stricter directives than
 * that, and with the drop-ins of contrib/systemd. docs/hardening.md says what works, and what does not.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';
import { NEEDS_PKEY, noSystemd, underSystemd } from '../helpers/systemd.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noSystemd();
  if (reason !== undefined) ctx.skip(reason);
});

const CONTRIB = join(import.meta.dirname, '../../contrib/systemd');

const LIGHTNINGD =
  '/usr/bin/lightningd --conf /etc/lightningd/lightningd.conf --pid-file=/run/lightningd/lightningd.pid';

/** contrib/init/lightningd.service of Core Lightning, as far as it does not need a bitcoind. */
const official = (more: string) => `[Service]
ExecStart=${LIGHTNINGD}
RuntimeDirectory=lightningd
User=bitcoin
Group=bitcoin
Type=simple
PIDFile=/run/lightningd/lightningd.pid
PrivateTmp=true
ProtectSystem=full
NoNewPrivileges=true
PrivateDevices=true
MemoryDenyWriteExecute=true
StandardError=append:/run/test/out/%N.log
${more}
`;

/** A unit, started and stopped: %N.exe is what its main process executes, %N.result how systemd says that it went. */
const tried = (name: string, unit: string, lightningDir = '/var/lib/bitcoin/lightning') => `
unit ${name}.service <<'EOF'
${unit}
EOF
systemctl start ${name}
up ${name} ${lightningDir} && readlink "/proc/$(systemctl show -p MainPID --value ${name})/exe" >${name}.exe
holdfast status --json --network=regtest --lightning-dir=${lightningDir} >${name}.status || true
systemctl show -p Result --value ${name} >${name}.result
systemctl stop ${name}
rm -rf /var/lib/bitcoin/lightning
`;

/** A node in mount namespaces of its own, as PrivateTmp= makes them, is seen as what it is. */
const statusOf = (said = '{}') => {
  const { nodes, verdict } = JSON.parse(said);
  return [
    verdict,
    ...(nodes ?? []).flatMap(({ snapshot, elsewhere }: { snapshot: string; elsewhere: object[] }) => [
      snapshot,
      ...elsewhere,
    ]),
  ];
};

const RUN = `ExecStart=\nExecStart=/usr/bin/holdfast run ${LIGHTNINGD}`;
const SNAPSHOT = '/var/lib/bitcoin/lightning/subdaemons/';
const CONFINED = RUN.replace('run', 'run --confine');
const PINNED = RUN.replace('run', 'run --method=pin');

const DYNAMIC = '/var/lib/lightning/dir';

/** Directives added to the official unit, and where lightningd runs from then: or what holdfast or systemd say. */
const DIRECTIVES: readonly [string, string | RegExp][] = [
  [RUN, SNAPSHOT],
  [`${RUN}\nRestrictNamespaces=yes`, SNAPSHOT],
  [`${RUN}\nSystemCallFilter=@system-service @pkey`, SNAPSHOT],
  [`${RUN}\nSystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM`, SNAPSHOT],
  [
    `${RUN}\nSystemCallArchitectures=native\nLockPersonality=yes\nRestrictRealtime=yes\nRestrictSUIDSGID=yes`,
    SNAPSHOT,
  ],
  [`${RUN}\nProtectProc=invisible`, SNAPSHOT],
  [`${RUN}\nProtectProc=invisible\nProcSubset=pid`, SNAPSHOT],
  [`${RUN}\nInaccessiblePaths=/proc/sys`, SNAPSHOT],
  [`${RUN}\nCapabilityBoundingSet=\nPrivateUsers=yes\nPrivateNetwork=yes`, SNAPSHOT],
  [`${RUN}\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6`, SNAPSHOT],
  [`${RUN}\nProtectClock=yes\nProtectHostname=yes\nRemoveIPC=yes\nKeyringMode=private\nUMask=0077`, SNAPSHOT],
  [
    `${RUN}\nProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectKernelLogs=yes\nProtectControlGroups=yes`,
    SNAPSHOT,
  ],
  [`${RUN}\nProtectSystem=strict\nProtectHome=yes\nReadWritePaths=/var/lib/bitcoin`, SNAPSHOT],
  [
    `${RUN} --lightning-dir=${DYNAMIC}\nUser=lightning\nGroup=lightning\nDynamicUser=yes\nStateDirectory=lightning`,
    '/var/lib/private/lightning/dir/subdaemons/',
  ],
  [
    `${RUN}\nRootDirectory=/srv/root\nMountAPIVFS=yes\nBindReadOnlyPaths=/bin /etc /lib /lib64 /run/test /usr\nBindPaths=/var/lib/bitcoin`,
    SNAPSHOT,
  ],
  [`${RUN}\nNoExecPaths=/var`, '/run/lightningd/holdfast/'],
  [`${RUN}\nNoExecPaths=/\nExecPaths=/usr /lib /lib64 /var/lib/bitcoin`, SNAPSHOT],
  [CONFINED, SNAPSHOT],
  [
    `${CONFINED}\nSystemCallFilter=@system-service @pkey landlock_create_ruleset landlock_add_rule landlock_restrict_self`,
    SNAPSHOT,
  ],
  [PINNED, SNAPSHOT],
  [`${PINNED}\nProtectProc=invisible`, SNAPSHOT],
  // what cannot work, and who says so
  [`${RUN}\nSystemCallFilter=@system-service`, NEEDS_PKEY ? /^core-dump|^signal/ : SNAPSHOT],
  [
    `${CONFINED}\nSystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM`,
    /^holdfast: .* or a filter hides it/,
  ],
  [`${RUN}\nProtectSystem=strict`, /^holdfast: .*read-only/],
  [`${RUN}\nInaccessiblePaths=/proc`, /^holdfast: \/proc is not mounted/],
];

test('the official unit, and stricter ones', () => {
  const out = underSystemd(
    tempDir(),
    DIRECTIVES.map(([more], n) =>
      tried(`unit-${n}`, official(more), more.includes(DYNAMIC) ? DYNAMIC : undefined),
    ).join(''),
  );
  const found = DIRECTIVES.map(([more, expected], n) => {
    const [exe, log, result] = ['exe', 'log', 'result'].map(kind => out[`unit-${n}.${kind}`] ?? '');
    const said = exe || log || result || 'nothing';
    const fits = typeof expected === 'string' ? said.startsWith(expected) : expected.test(said);
    return [more, fits ? expected : said];
  });
  expect(found).toEqual(DIRECTIVES);
});

test('the drop-ins of contrib/systemd, and a unit that waits for a notification', () => {
  const dropIn = (path: string) =>
    readFileSync(join(CONTRIB, path, 'lightningd.service.d/holdfast.conf'), 'utf8');
  const plugin = '/usr/local/bin/notifying-plugin';
  const out = underSystemd(
    tempDir(),
    [
      `printf '#!/bin/sh\nsystemd-notify --ready --status="all is well"\nexec cat\n' >${plugin}; chmod 755 ${plugin}`,
      tried('simple', `${official('')}\n${dropIn('.')}`),
      tried(
        'forking',
        `${official('Type=forking').replace('--conf', '--daemon --conf')}\n${dropIn('forking')}`,
      ),
      tried(
        'notify',
        official(`${RUN} --plugin=${plugin}\nType=notify\nNotifyAccess=all\nTimeoutStartSec=20`),
      ),
    ].join('\n'),
  );
  for (const name of ['simple', 'forking', 'notify']) {
    const exe = out[`${name}.exe`] ?? '';
    expect([name, exe, out[`${name}.result`]]).toEqual([
      name,
      expect.stringMatching(/^\/var\/lib\/bitcoin\/lightning\/subdaemons\/[0-9a-f]{16}\/bin\/lightningd\n$/),
      'success\n',
    ]);
    expect([name, ...statusOf(out[`${name}.status`])]).toEqual([
      name,
      'ok',
      exe.replace('/bin/lightningd\n', ''),
    ]);
  }
});

test('the path unit of contrib/systemd restarts the node when the upgrade is complete', () => {
  const dir = tempDir();
  makeCInstallation(join(dir, 'new'), 'v26.06.1');
  const unit = (path: string) =>
    `unit ${path.split('/').at(-1)} <<'UNIT'\n${readFileSync(join(CONTRIB, path), 'utf8')}\nUNIT\n`;
  const out = underSystemd(
    dir,
    `${unit('lightningd-upgrade.path')}${unit('lightningd-upgrade.service')}
unit lightningd.service <<'UNIT'
${official('')}
${readFileSync(join(CONTRIB, 'lightningd.service.d/holdfast.conf'), 'utf8')}
UNIT
systemctl daemon-reload
systemctl start lightningd lightningd-upgrade.path
up lightningd /var/lib/bitcoin/lightning
seen() { readlink "/proc/$(systemctl show -p MainPID --value lightningd)/exe"; }
before=$(seen)
(cd /run/test/new/usr && find . -type f | while read -r f; do cp "$f" "/usr/$f.dpkg-new"; done)
[ "$before" = "$(seen)" ] && echo same >half-way
(cd /run/test/new/usr && find . -type f | while read -r f; do mv "/usr/$f.dpkg-new" "/usr/$f"; done)
until [ "$(seen)" != "$before" ] && up lightningd /var/lib/bitcoin/lightning; do sleep 0.1; done
lightning-cli --lightning-dir=/var/lib/bitcoin/lightning --network=regtest getinfo >answer
systemctl show -p Result --value lightningd-upgrade.service >result
`,
  );
  expect(out['half-way']).toBe('same\n');
  expect(JSON.parse(out.answer ?? '')).toMatchObject({
    version: 'v26.06.1',
    lightningd: expect.stringMatching(/\/subdaemons\/[0-9a-f]{16}\/bin\/lightningd$/),
  });
  expect(out.result).toBe('success\n');
});
