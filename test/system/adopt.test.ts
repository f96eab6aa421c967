/**
 * `holdfast adopt` under a real systemd, on the units that people have: the next start is from a snapshot, a running node
 * is left alone, and all of it can be taken back.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { readJson } from '../helpers/schema.ts';
import { noCompiler, tempDir } from '../helpers/stand-in.ts';
import { NEEDS_PKEY, noSystemd, underSystemd } from '../helpers/systemd.ts';

beforeEach(ctx => {
  const reason = noCompiler() ?? noSystemd();
  if (reason !== undefined) ctx.skip(reason);
});

const LIGHTNINGD = '/usr/bin/lightningd --conf /etc/lightningd/lightningd.conf';
const PID_FILE = '--pid-file=/run/lightningd/lightningd.pid';

/** contrib/init/lightningd.service of v25.12, as far as it does not need a bitcoind. */
const OFFICIAL = `[Service]
ExecStart=${LIGHTNINGD} ${PID_FILE}
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
`;

/** The same of v26.06. */
const WITH_STOP = `${OFFICIAL}
# graceful was introduced in v26.06: before that, simply stop.
ExecStop=/usr/bin/lightning-cli --conf /etc/lightningd/lightningd.conf graceful 20
ExecStop=/usr/bin/lightning-cli --conf /etc/lightningd/lightningd.conf stop
TimeoutStopSec=60
`;

const more = (lines: string): string => `${OFFICIAL}${lines}\n`;

interface Unit {
  readonly text: string;
  /** its name, if it is another */
  readonly name?: string;
  /** drop-ins of the operator, by file name */
  readonly dropIns?: Readonly<Record<string, string>>;
  /** bash, before anything else */
  readonly before?: string;
  /** ExecStart= with the drop-in */
  readonly becomes: string;
}

/** Units that are adopted, and what becomes of their ExecStart=. */
const UNITS: Readonly<Record<string, Unit>> = {
  'of v25.12': { text: OFFICIAL, becomes: `/usr/bin/holdfast run ${LIGHTNINGD} ${PID_FILE}` },
  'of v26.06': { text: WITH_STOP, becomes: `/usr/bin/holdfast run ${LIGHTNINGD} ${PID_FILE}` },
  'with a daemon': {
    text: more(`Type=forking\nExecStart=\nExecStart=${LIGHTNINGD} --daemon ${PID_FILE}`),
    becomes: `/usr/bin/holdfast run ${LIGHTNINGD} --daemon ${PID_FILE}`,
  },
  'with an environment file, continuation lines and quotes': {
    text: more(`EnvironmentFile=/etc/lightningd/words
Environment=CONF=/etc/lightningd/lightningd.conf "ALIAS=two words"
ExecStart=
ExecStart=/usr/bin/lightningd \\
# a comment in between
  --conf=\${CONF} "--alias=\${ALIAS}" \\
  $WORDS '--rgb=001122'`),
    before: `echo 'WORDS=--pid-file=/run/lightningd/lightningd.pid --log-level=debug' >/etc/lightningd/words`,
    becomes:
      `/usr/bin/holdfast run /usr/bin/lightningd  --conf=\${CONF} "--alias=\${ALIAS}"  $WORDS '--rgb=001122'`.replaceAll(
        '  ',
        ' ',
      ),
  },
  'with specifiers, an instance of a template': {
    name: 'lightningd@main.service',
    text: OFFICIAL.replace(LIGHTNINGD, '/usr/bin/lightningd --conf=%E/%p/%i.conf').replaceAll(
      '/run/lightningd',
      '%t/lightningd',
    ),
    before: 'mkdir -p /etc/lightningd; cp /etc/lightningd/lightningd.conf /etc/lightningd/main.conf',
    becomes:
      '/usr/bin/holdfast run /usr/bin/lightningd --conf=%E/%p/%i.conf --pid-file=%t/lightningd/lightningd.pid',
  },
  'with prefixes': {
    text: more(
      `ExecStart=\nExecStart=-@/usr/bin/lightningd lightningd --conf /etc/lightningd/lightningd.conf`,
    ),
    becomes: `-/usr/bin/holdfast run ${LIGHTNINGD}`,
  },
  'that starts a name, as root, in the directory of another': {
    text: '[Service]\nExecStart=+lightningd --conf /etc/lightningd/lightningd.conf\nUser=bitcoin\n',
    becomes: `+/usr/bin/holdfast run ${LIGHTNINGD}`,
  },
  'with several drop-ins': {
    text: OFFICIAL.replace('Type=simple', 'Type=forking'),
    dropIns: {
      '10-type.conf': '[Service]\nType=simple\n',
      'override.conf': `[Service]\nExecStart=\nExecStart=${LIGHTNINGD} --alias=mine\n`,
      'zzz-limits.conf': '[Service]\nLimitNOFILE=4096\n',
    },
    becomes: `/usr/bin/holdfast run ${LIGHTNINGD} --alias=mine`,
  },
  'of a dynamic user': {
    text: `[Service]
ExecStart=/usr/bin/lightningd --network=regtest --lightning-dir=/var/lib/lightningd/dir
StateDirectory=lightningd
DynamicUser=yes
`,
    becomes:
      '/usr/bin/holdfast run /usr/bin/lightningd --network=regtest --lightning-dir=/var/lib/lightningd/dir',
  },
  'that cannot execute its lightning-dir': {
    text: more('NoExecPaths=/var'),
    becomes: `/usr/bin/holdfast run ${LIGHTNINGD} ${PID_FILE}`,
  },
};

/** Adopts a node that runs, restarts it, takes it back, restarts it again. */
const tried = (
  { name = 'lightningd.service', text, dropIns = {}, before = '' }: Unit,
  label: string,
): string => `
${before}
unit ${name.replace(/@.*(?=\.service)/, '@')} <<'UNIT'
${text}
UNIT
mkdir -p /etc/systemd/system/${name}.d
${Object.entries(dropIns)
  .map(([file, lines]) => `cat >/etc/systemd/system/${name}.d/${file} <<'UNIT'\n${lines}UNIT\n`)
  .join('')}
systemctl daemon-reload
seen() { # WHICH
  up ${name} "$dir" || systemctl status ${name}
  systemctl show -p MainPID --value ${name} >"${label}.$1.pid"
  readlink "/proc/$(systemctl show -p MainPID --value ${name})/exe" >"${label}.$1.exe"
}
dir=/var/lib/bitcoin/lightning
case '${label}' in *dynamic*) dir=/var/lib/lightningd/dir ;; esac
systemctl start ${name}
seen plain
find /var/lib/bitcoin /run/lightningd /tmp /run/systemd/system >"${label}.before"
holdfast adopt --json ${name} >"${label}.adopt"
find /var/lib/bitcoin /run/lightningd /tmp /run/systemd/system >"${label}.after"
seen adopted
systemctl show -p ExecStart --value ${name} >"${label}.start"
systemctl restart ${name}
seen restarted
holdfast adopt --undo --json ${name} >"${label}.undo"
seen undone
systemctl restart ${name}
seen again
ls /etc/systemd/system/${name}.d >"${label}.left" 2>/dev/null || true
systemctl stop ${name}
rm -rf /var/lib/bitcoin/lightning /var/lib/private/lightningd /etc/systemd/system/${name}.d /run/test/units/${name}
`;

test.each(Object.keys(UNITS))(
  'a running node is adopted, restarted from a snapshot, and given back: of a unit %s',
  label => {
    const unit = UNITS[label]!; // one of its keys
    const out = underSystemd(tempDir(), tried(unit, label.includes('dynamic') ? 'dynamic' : 'unit'));
    const said = (kind: string): string =>
      (out[`${label.includes('dynamic') ? 'dynamic' : 'unit'}.${kind}`] ?? '').trim();
    const adopted = readJson('adopt', `${said('adopt')}\n`);
    const { becomes, dropIns = {} } = unit;
    expect([adopted.becomes.replaceAll(/ {2,}/g, ' '), adopted.verdict, adopted.changed]).toEqual([
      becomes,
      'ok',
      true,
    ]);
    expect([said('adopted.pid'), said('after')]).toEqual([said('plain.pid'), said('before')]);
    expect(said('restarted.exe')).toMatch(FROM_A_SNAPSHOT);
    expect(readJson('adopt', `${said('undo')}\n`)).toMatchObject({ action: 'undo', changed: true });
    expect([said('undone.pid'), said('again.exe')]).toEqual([said('restarted.pid'), '/usr/bin/lightningd']);
    expect(said('left').split('\n').filter(Boolean)).toEqual(Object.keys(dropIns));
  },
);

/** In the lightning-dir, or where that executes nothing in the runtime directory. */
const FROM_A_SNAPSHOT =
  /^\/(var\/lib\/bitcoin\/lightning\/subdaemons|var\/lib\/private\/lightningd\/dir\/subdaemons|run\/lightningd\/holdfast\/.*)\/[0-9a-f]{16}\/bin\/lightningd$/;

describe('a drop-in is refused, and nothing written,', () => {
  /** What is wrong with each, and what adopt says. */
  const REFUSED: Readonly<Record<string, readonly [lines: string, status: number, says: RegExp]>> = {
    ...(NEEDS_PKEY && {
      'where Node.js would be killed': [
        'SystemCallFilter=@system-service',
        1,
        /dry snapshot: a signal ended it .*@pkey/,
      ],
    }),
    'where the lightning-dir may not be written to': ['ProtectSystem=strict', 1, /NO +noexec: .*read-only/],
    'where holdfast cannot be executed': [
      'NoExecPaths=/usr/bin/holdfast /usr/lib/holdfast',
      1,
      /NO +dry snapshot: holdfast cannot be executed/,
    ],
    'where a configuration file is missing': [
      'ExecStart=\nExecStart=/usr/bin/lightningd --conf /etc/none',
      1,
      /NO +dry snapshot: there is no configuration file '\/etc\/none'/,
    ],
    'where a file of the environment is missing': [
      'EnvironmentFile=/etc/none',
      1,
      /NO +dry snapshot: systemd cannot make what the unit asks for: is each EnvironmentFile= there[^;]*$/m,
    ],
    'where a shell starts lightningd': [
      `ExecStart=\nExecStart=/bin/sh -c 'exec ${LIGHTNINGD}'`,
      2,
      /starts '\/bin\/sh', not lightningd/,
    ],
    'where there are two commands': [
      `Type=oneshot\nExecStart=${LIGHTNINGD}`,
      2,
      /has 2 ExecStart= lines: one is needed/,
    ],
  };

  test('for each of these reasons', () => {
    const names = Object.keys(REFUSED);
    const out = underSystemd(
      tempDir(),
      names
        .map(
          (name, n) => `
unit lightningd.service <<'UNIT'
${more(REFUSED[name]![0])}
UNIT
systemctl daemon-reload
status=0
holdfast adopt >${n} 2>&1 || status=$?
printf 'status %s, %s' $status "$(find /etc/systemd/system /run/systemd/system /run/holdfast* 2>/dev/null | tr '\\n' ' ')" >>${n}`,
        )
        .join('\n'),
    );
    for (const [n, name] of names.entries()) {
      const [, status, says] = REFUSED[name]!;
      expect([name, out[n]]).toEqual([name, expect.stringMatching(says)]);
      expect([name, out[n]?.split('\n').at(-1)]).toEqual([
        name,
        `status ${status}, /etc/systemd/system /run/systemd/system `,
      ]);
    }
  });
});

test('graceful is part of the stop where lightningd knows it and the unit has no stop of its own', () => {
  const out = underSystemd(
    tempDir(),
    `
unit lightningd.service <<'UNIT'
${OFFICIAL.replace(LIGHTNINGD, `/usr/bin/lightningd --log-level=debug --lightning-dir "/var/lib/bitcoin/lightning" --network=regtest`)}
UNIT
unit other.service <<'UNIT'
${WITH_STOP}
UNIT
unit hidden.service <<'UNIT'
${OFFICIAL.replace(LIGHTNINGD, '/usr/bin/lightningd $WORDS')}
UNIT
holdfast adopt --print >added
holdfast adopt --print other >kept
holdfast adopt --print hidden >hidden
holdfast adopt >adopt
systemctl start lightningd
up lightningd /var/lib/bitcoin/lightning
systemctl stop lightningd
systemctl show -p Result,ExecStop lightningd >stopped
`,
    'v26.06.1',
  );
  const cli = '/usr/bin/lightning-cli --lightning-dir "/var/lib/bitcoin/lightning" --network=regtest';
  expect(out.added).toContain(`\nExecStop=-${cli} graceful 20\nExecStop=-${cli} stop\n`);
  expect(out.kept).not.toContain('ExecStop');
  expect(out.hidden).not.toContain('\nExecStop');
  expect(out.hidden).toContain('# no ExecStop= is added for a graceful stop: what $WORDS stands for');
  expect(out.adopt).toContain(`  stop     -${cli} graceful 20\n`);
  expect(out.adopt).toContain('holdfast status --lightning-dir=/var/lib/bitcoin/lightning\n');
  expect(out.stopped).toMatch(/^Result=success$/m);
  expect(out.stopped).toMatch(/stop ; ignore_errors=yes .*status=0/);
});

test('only what adopt wrote is taken back, and it is written again only where it has changed', () => {
  const out = underSystemd(
    tempDir(),
    `
file=/etc/systemd/system/lightningd.service.d/zz-holdfast.conf
unit lightningd.service <<'UNIT'
${OFFICIAL}
UNIT
said() { local status=0; "\${@:2}" >"$1" 2>&1 || status=$?; echo "status $status" >>"$1"; }
said nothing holdfast adopt --undo
said doctor-before holdfast doctor
said first holdfast adopt
said doctor-after holdfast doctor
sed -i 's/--conf/--alias=new --conf/' /run/test/units/lightningd.service
systemctl daemon-reload
said doctor-changed holdfast doctor
sed -i 's/--alias=new --conf/--conf/' /run/test/units/lightningd.service
systemctl daemon-reload
said same holdfast adopt
echo 'Nice=5' >>$file
said edited holdfast adopt --undo
said again holdfast adopt
rm $file
echo '[Service]' >$file
printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' >/etc/systemd/system/lightningd.service.d/zzz.conf
said foreign holdfast adopt --undo
said later holdfast adopt
said missing holdfast adopt lightning
systemctl mask other >/dev/null 2>&1
said doctor-masked holdfast doctor other
said template holdfast adopt lightningd@
said no-unit holdfast adopt lightningd.timer
said user setpriv --reuid=4711 --regid=4711 --clear-groups holdfast adopt
`,
  );
  expect(out.nothing).toMatch(/nothing to take back\nstatus 0\n$/);
  expect(out['doctor-before']).toMatch(
    /^warning {2}unit .* starts lightningd without holdfast\n +sudo holdfast adopt lightningd.service$/m,
  );
  expect(out['doctor-after']).toMatch(/^ok .* unit .*starts lightningd from a snapshot$/m);
  expect(out['doctor-changed']).toMatch(
    /^warning .* unit .* of an ExecStart= that the unit has no more\n +sudo holdfast adopt/m,
  );
  expect(out['doctor-masked']).toMatch(
    /^warning .* unit .*other.service is masked: systemd does not start it\n +systemctl status other.service$/m,
  );
  expect(out.first).toMatch(/^written .*status 0\n$/ms);
  expect(out.same).toMatch(/^'.*' is there already, as it should be\n.*status 0\n$/ms);
  expect(out.edited).toMatch(/zz-holdfast.conf' was edited since holdfast wrote it.*status 1\n$/s);
  expect(out.again).toMatch(/was edited since.*status 1\n$/s);
  expect(out.foreign).toMatch(/was not written by holdfast.*status 1\n$/s);
  expect(out.later).toMatch(/zzz.conf' sets ExecStart= and applies after .*status 2\n$/s);
  expect(out.missing).toMatch(
    /no unit lightning.service\n.*did you mean: holdfast adopt lightningd.service.*status 2\n$/s,
  );
  expect(out.template).toMatch(/is a template.*status 2\n$/s);
  expect(out['no-unit']).toMatch(/is no name of a service.*status 2\n$/s);
  expect(out.user).toMatch(/written by root\n.*sudo holdfast adopt.*status 2\n$/s);
});

test('a name with dots or escapes is one, and what systemd warns of anyway is no reason against a drop-in', () => {
  const out = underSystemd(
    tempDir(),
    `
unit ln@.service <<'UNIT'
${OFFICIAL.replace(LIGHTNINGD, '/usr/bin/lightningd --conf=/etc/lightningd/%i.conf')}
UNIT
cp /etc/lightningd/lightningd.conf /etc/lightningd/my.node.conf
unit 'cln\\x2dmain.service' <<'UNIT'
${OFFICIAL.replace(LIGHTNINGD, `${LIGHTNINGD} --alias=a\\;b`)}
UNIT
said() { local status=0; "\${@:2}" >"$1" 2>&1 || status=$?; echo "status $status" >>"$1"; }
said dots holdfast adopt ln@my.node
said escapes holdfast adopt 'cln\\x2dmain'
said again holdfast adopt 'cln\\x2dmain'
said undo holdfast adopt --undo 'cln\\x2dmain'
`,
  );
  expect(out.dots).toMatch(/^written '.*\/ln@my.node.service.d\/zz-holdfast.conf'.*status 0\n$/ms);
  expect(out.escapes).toMatch(/^written .*status 0\n$/ms);
  expect(out.again).toMatch(/is there already, as it should be\n.*status 0\n$/s);
  expect(out.undo).toMatch(/^removed .*status 0\n$/ms);
});

test('a unit that has holdfast already, by a link of that name or behind another program, is left as it is', () => {
  const out = underSystemd(
    tempDir(),
    `
mkdir -p /usr/local/bin
ln -s /usr/bin/holdfast /usr/local/bin/lightningd
unit link.service <<'UNIT'
${OFFICIAL.replace(LIGHTNINGD, '/usr/local/bin/lightningd --conf /etc/lightningd/lightningd.conf')}
UNIT
unit behind.service <<'UNIT'
${OFFICIAL.replace(LIGHTNINGD, `/usr/bin/nice -n 5 holdfast run ${LIGHTNINGD}`)}
UNIT
for unit in link behind; do
  holdfast adopt $unit >$unit 2>&1
  holdfast doctor $unit >$unit.doctor 2>&1
done
`,
  );
  for (const unit of ['link', 'behind']) {
    expect(out[unit]).toMatch(/ExecStart= has holdfast already: nothing is changed$/m);
    expect(out[`${unit}.doctor`]).toMatch(/^ok +unit .*starts lightningd from a snapshot/m);
  }
});

test("a unit of a user's own manager is adopted by that user", () => {
  const out = underSystemd(
    tempDir(),
    `
home=/var/lib/bitcoin
mkdir -p $home/.config/systemd/user /run/user/4711
cat >$home/.config/systemd/user/lightningd.service <<'UNIT'
[Service]
ExecStart=/usr/bin/lightningd --network=regtest --lightning-dir=%h/own
UNIT
chown -R 4711:4711 $home /run/user/4711
unit manager.service <<'UNIT'
[Service]
User=bitcoin
Environment=XDG_RUNTIME_DIR=/run/user/4711 HOME=/var/lib/bitcoin
ExecStart=/lib/systemd/systemd --user
Type=notify
Delegate=yes
UNIT
systemctl start manager
as_user() { setpriv --reuid=4711 --regid=4711 --clear-groups env -u SYSTEMD_UNIT_PATH XDG_RUNTIME_DIR=/run/user/4711 HOME=$home "$@"; }
as_user holdfast adopt --user --json >adopt 2>stderr || true
as_user systemctl --user start lightningd
for _ in $(seq 100); do
  lightning-cli --lightning-dir=$home/own --network=regtest getinfo >/dev/null 2>&1 && break
  sleep 0.1
done
readlink "/proc/$(as_user systemctl --user show -p MainPID --value lightningd)/exe" >exe
as_user systemctl --user stop lightningd
as_user holdfast adopt --user --undo >undo
find $home/.config /run/user/4711/systemd/user >left
systemctl stop manager
`,
  );
  expect([out.stderr, readJson('adopt', out.adopt ?? '')]).toEqual([
    '',
    expect.objectContaining({
      verdict: 'ok',
      changed: true,
      file: '/var/lib/bitcoin/.config/systemd/user/lightningd.service.d/zz-holdfast.conf',
    }),
  ]);
  expect(out.exe).toMatch(/^\/var\/lib\/bitcoin\/own\/subdaemons\/[0-9a-f]{16}\/bin\/lightningd\n$/);
  expect(out.undo).toMatch(/^removed .*systemctl --user start lightningd.service$/ms);
  expect(out.left).not.toContain('holdfast');
});
