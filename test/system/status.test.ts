/** `holdfast status` and `holdfast guard`, from outside, with real nodes. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { HOLDFAST, HOLDFAST_FOR_OTHERS, holdfast, ORDINARY_USER, snapshotJson } from '../helpers/holdfast.ts';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { noMounts } from '../helpers/mounts.ts';
import { works } from '../helpers/running.ts';
import { readJson } from '../helpers/schema.ts';
import {
  makeCInstallation,
  makeInstallation,
  makePair,
  noCompiler,
  type StandIn,
  startNode,
  tempDir,
  upgrade,
} from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function statusJson(lightningDir: string) {
  const called = holdfast(['status', '--json', `--lightning-dir=${lightningDir}`]);
  return { code: called.status, report: readJson('status', called.stdout) };
}

function guardJson(lightningd: string, ...options: string[]) {
  const called = holdfast(['guard', '--json', ...options, '--', lightningd]);
  return { code: called.status, report: readJson('guard', called.stdout) };
}

test('a node under holdfast: what it runs, no restart due; after an upgrade it is pending, with what differs', async () => {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  const node = await startNode(installed, lightningDir, { command: [HOLDFAST, 'run', installed.lightningd] });
  const { root, path } = snapshotJson([installed.lightningd, `--lightning-dir=${lightningDir}`]);
  const before = statusJson(lightningDir);
  expect(before).toMatchObject({
    code: 0,
    report: {
      verdict: 'ok',
      nodes: [
        { pid: node.pid, network: 'bitcoin', version: 'v25.12', snapshot: path, root, restartPending: false },
      ],
      installed: { version: 'v25.12', root },
      heldBytes: expect.any(Number),
    },
  });
  const size = readFileSync(join(path, 'bin/lightningd')).length;
  expect(before.report.heldBytes).toBeLessThan(size); // hard links cost nothing: only manifest and record do

  upgrade('rename', next.prefix, installed.prefix);
  const after = statusJson(lightningDir);
  expect(after).toMatchObject({
    code: 1,
    report: {
      nodes: [{ restartPending: true, version: 'v25.12', overwritten: [] }],
      installed: { version: 'v26.03' },
    },
  });
  expect(after.report.nodes[0].changed).toContain('bin/lightningd');
  expect(after.report.heldBytes).toBeGreaterThan(size); // now nobody else has the old files
  expect(holdfast(['status', `--lightning-dir=${lightningDir}`]).stdout).toMatch(
    /restart {2}PENDING: installed is v26\.03, not v25\.12/,
  );
});

test('files overwritten in place through their hard links are named', async () => {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  await startNode(installed, lightningDir, { command: [HOLDFAST, 'run', installed.lightningd] });
  const openingd = 'libexec/c-lightning/lightning_openingd';
  writeFileSync(join(installed.prefix, openingd), readFileSync(join(next.prefix, openingd)));
  expect(statusJson(lightningDir)).toMatchObject({
    code: 1,
    report: { nodes: [{ overwritten: [openingd] }] },
  });
});

test('a plain node is named as such; guard refuses its upgrade, and after it says that it must be restarted', async () => {
  const dir = tempDir();
  const { installed, next } = makePair(dir);
  const lightningDir = join(dir, 'lightning');
  const node = await startNode(installed, lightningDir);
  expect(statusJson(lightningDir)).toMatchObject({
    code: 0,
    report: { nodes: [{ snapshot: null, restartPending: false }] },
  });
  expect(guardJson(installed.lightningd)).toMatchObject({
    code: 1,
    report: {
      nodes: expect.arrayContaining([
        expect.objectContaining({ pid: node.pid, runsFrom: 'installation', lightningDir }),
      ]),
    },
  });
  expect(guardJson(installed.lightningd, '--after').code).toBe(0);
  upgrade('rename', next.prefix, installed.prefix);
  expect(guardJson(installed.lightningd, '--after')).toMatchObject({ code: 1 });
  const text = holdfast(['guard', '--after', '--', installed.lightningd]).stdout;
  expect(text).toContain(`PID ${node.pid} of `);
  expect(text).toContain('must be restarted now');
  expect(statusJson(lightningDir)).toMatchObject({ code: 1, report: { nodes: [{ restartPending: true }] } });
});

test('guard knows an installation that is bound into a container, and not by its path', async ctx => {
  const apart = ['unshare', '--user', '--map-root-user', '--mount'];
  if (!works(apart[0] ?? '', ...apart.slice(1), 'true')) ctx.skip('no mount namespace can be made here');
  const dir = tempDir();
  const [host, image] = ['host', 'image'].map(name => makeCInstallation(join(dir, name), 'v25.12')) as [
    StandIn,
    StandIn,
  ];
  const elsewhere = join(dir, 'elsewhere');
  mkdirSync(elsewhere);
  const bound = (from: string, to: string) => [
    ...apart,
    ...['sh', '-ec', 'mount --bind "$1" "$2"; shift 2; exec "$@"', 'sh', from, to],
  ];
  const inBind = await startNode(host, join(dir, 'a'), {
    command: [...bound(host.prefix, elsewhere), join(elsewhere, 'bin/lightningd')],
  });
  const ofImage = await startNode(image, join(dir, 'b'), {
    command: [...bound(image.prefix, host.prefix), host.lightningd],
  });
  const { code, report } = guardJson(host.lightningd);
  const where = (pid: number) =>
    report.nodes.find((node: { pid: number }) => node.pid === pid)?.runsFrom as string;
  expect([where(inBind.pid), where(ofImage.pid)]).toEqual(['installation', 'elsewhere']);
  expect(code).toBe(1);
});

test('guard lets the package go on where all nodes run from snapshots, none runs, or nothing is installed', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  expect(guardJson(installed.lightningd).code).toBe(0);
  await startNode(installed, join(dir, 'lightning'), { command: [HOLDFAST, 'run', installed.lightningd] });
  expect(guardJson(installed.lightningd)).toMatchObject({ code: 0, report: { verdict: 'ok' } });
  const nothing = holdfast(['guard', '--json'], {
    env: { ...process.env, PATH: `/usr/bin:/bin:${join(process.execPath, '..')}` },
  });
  expect(nothing.status).toBe(0);
  expect(nothing.stderr).toContain('there is no lightningd in PATH');
});

test('guard looks a name without a slash up in PATH, and says what it is with --quiet too', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const node = await startNode(installed, join(dir, 'lightning'));
  const env = { ...process.env, PATH: `${dirname(installed.lightningd)}:${process.env.PATH}` };
  for (const options of [[], ['--quiet']]) {
    const named = holdfast(['guard', ...options, '--', 'lightningd'], { env, cwd: dir });
    expect([named.status, named.stdout]).toEqual([1, expect.stringContaining(`PID ${node.pid} of `)]);
  }
});

test('guard says of a lightningd that is not there, or is holdfast itself, that it may be the wrong one', () => {
  const dir = tempDir();
  const missing = join(dir, 'lightningd');
  expect(holdfast(['guard', '--', missing])).toMatchObject({
    status: 0,
    stderr: `holdfast: there is no '${missing}': what is not installed may be replaced\n`,
  });
  expect(holdfast(['guard', '--', 'no-lightningd'])).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('there is no no-lightningd in PATH'),
  });
  symlinkSync(HOLDFAST, missing);
  expect(holdfast(['guard', '--', missing])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is holdfast itself'),
  });
});

test('a lightning-dir that was named and is not there is no answer', () => {
  const missing = join(tempDir(), 'lightning');
  const { status, stdout } = holdfast(['status', '--json', `--lightning-dir=${missing}`]);
  expect([status, JSON.parse(stdout).error]).toMatchObject([2, { code: 'SYSTEM', path: missing }]);
});

test('a --network that lightningd does not know may be mistyped: said, and no more', () => {
  const node = `--lightning-dir=${tempDir()}`;
  const warned = holdfast(['status', '--network=bitcon', node]);
  expect(warned).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/^holdfast: warning: --network=bitcon is no/),
  });
  expect(holdfast(['status', '--network=regtest', node]).stderr).toBe('');
});

test('a lightning-dir or a store that is no directory is said to be none', () => {
  const dir = tempDir();
  const file = join(dir, 'file');
  writeFileSync(file, '');
  const named = holdfast(['status', '--json', `--lightning-dir=${file}`]);
  expect([named.status, JSON.parse(named.stdout).error]).toMatchObject([2, { code: 'SYSTEM', path: file }]);
  const { stdout } = holdfast(['status', `--lightning-dir=${dir}`, `--snapshot-dir=${file}`]);
  expect(stdout).toContain(`note: '${file}' is no directory\n`);
});

test.each([['status'], ['verify'], ['prove', 'bin/lightningd'], ['noexec-check'], ['doctor']])(
  '%s: a --conf that is not there names no node',
  (...words) => {
    const conf = join(tempDir(), 'conf');
    const { status, stdout } = holdfast([...words, '--json', `--conf=${conf}`]);
    expect([status, JSON.parse(stdout).error]).toMatchObject([2, { code: 'CONFIG', path: conf }]);
  },
);

test('a node from a release archive: a restart is not due, unless the archive is another by now', async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const archive = join(dir, 'clightning-v25.12.tar.gz');
  execFileSync('tar', ['-C', dirname(installed.prefix), '-czf', archive, basename(installed.prefix)]);
  const lightningDir = join(dir, 'lightning');
  await startNode(installed, lightningDir, { command: [HOLDFAST, 'run', `--from=${archive}`, '--'] });
  const restart = () => statusJson(lightningDir).report.nodes[0];
  expect(restart()).toMatchObject({ restartPending: false, version: 'v25.12' });
  appendFileSync(archive, 'x');
  expect(restart()).toMatchObject({
    restartPending: null,
    reason: expect.stringContaining('another file by now'),
  });
  rmSync(archive);
  expect(restart()).toMatchObject({ restartPending: false });
});

test('a snapshot in a fallback: that directory is the store', ctx => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const dir = tempDir();
  const installed = makeInstallation(join(dir, 'usr'), 'v25.12');
  const lightningDir = join(dir, 'lightning');
  mkdirSync(lightningDir);
  const [report] = inMountNamespace<{ store: string; snapshots: { path: string }[] }>(
    dir,
    `mount -t tmpfs -o noexec none "$D/lightning"
     "$HOLDFAST" snapshot --quiet "${installed.lightningd}" "--lightning-dir=$D/lightning" >"$D/said"
     "$HOLDFAST" status --json "--lightning-dir=$D/lightning" || [ $? = 2 ] # nodes of others may run on this machine
     rm -rf "$(dirname "$(cat "$D/said")")"`,
  );
  expect(report?.store).not.toContain(lightningDir);
  expect(report?.snapshots.map(({ path }) => dirname(path))).toEqual([report?.store]);
});

test("another user's plain node is found by root, and by an ordinary user too", async ctx => {
  if (process.geteuid?.() !== 0) ctx.skip('needs root, to start a node of another user');
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  await startNode(installed, join(dir, 'lightning'));
  const called = holdfast(['guard', '--json', '--', installed.lightningd], { user: ORDINARY_USER });
  const report = readJson('guard', called.stdout);
  expect(called.status).toBe(1);
  expect(report.nodes).toContainEqual(expect.objectContaining({ user: 'root', runsFrom: 'installation' }));
});

test("guard of a user who does not see others' processes does not say that there are none, though he sees his own", async ctx => {
  if (process.geteuid?.() !== 0) ctx.skip('needs root, to start a node of another user');
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const [own, others] = ['own', 'others'].map(name => join(dir, name)) as [string, string];
  mkdirSync(own);
  chownSync(own, ORDINARY_USER, ORDINARY_USER);
  const user = ['setpriv', `--reuid=${ORDINARY_USER}`, `--regid=${ORDINARY_USER}`, '--clear-groups'];
  await startNode(installed, others);
  const node = await startNode(installed, own, {
    command: [...user, HOLDFAST_FOR_OTHERS, 'run', installed.lightningd],
  });
  const guard = [...user, HOLDFAST_FOR_OTHERS, 'guard', '--json', '--', installed.lightningd];
  const script = 'mount -t proc -o hidepid=2 proc /proc; exec "$@"';
  const called = spawnSync('unshare', ['-m', 'sh', '-ec', script, 'sh', ...guard], { encoding: 'utf8' });
  const report = readJson('guard', called.stdout);
  expect(report.nodes.map(({ pid }: { pid: number }) => pid)).toEqual([node.pid]);
  expect(report).toMatchObject({ verdict: 'unknown', unknowns: [expect.stringContaining('hidepid=2')] });
  expect(called.status).toBe(2);
});

test.for([
  ['a mount namespace', ['--mount']],
  ['a PID namespace', ['--pid', '--fork', '--kill-child']],
] as const)('a plain node in %s of its own is found', async ([, options], ctx) => {
  if (!works('unshare', ...options, 'true')) ctx.skip('namespaces cannot be made here');
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  await startNode(installed, join(dir, 'lightning'), {
    command: ['unshare', ...options, installed.lightningd],
  });
  const { code, report } = guardJson(installed.lightningd);
  expect(code).toBe(1);
  expect(report.nodes).toContainEqual(
    expect.objectContaining({ runsFrom: 'installation', program: installed.lightningd }),
  );
});

test("a subdaemon that the operator's configuration names is outside; one that nothing names any more is elsewhere", async () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const lightningDir = join(dir, 'lightning');
  const other = join(dir, 'lightning_gossipd');
  copyFileSync(join(installed.libexec, 'lightning_gossipd'), other);
  mkdirSync(lightningDir);
  writeFileSync(join(lightningDir, 'config'), `subdaemon=gossipd:${other}\n`);
  await startNode(installed, lightningDir, { command: [HOLDFAST, 'run', installed.lightningd] });
  const configured = statusJson(lightningDir);
  expect(configured.code).toBe(0);
  expect(configured.report.nodes[0]).toMatchObject({ elsewhere: [], outside: [other] });
  writeFileSync(join(lightningDir, 'config'), '');
  const unnamed = statusJson(lightningDir);
  expect(unnamed.code).toBe(1);
  expect(unnamed.report.nodes[0]).toMatchObject({ elsewhere: [{ program: other }], outside: [] });
});

test('metrics are what promtool expects', async ctx => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const lightningDir = join(dir, 'a "strange"\\dir');
  await startNode(installed, lightningDir, { command: [HOLDFAST, 'run', installed.lightningd] });
  const { stdout, status } = holdfast(['status', '--openmetrics', `--lightning-dir=${lightningDir}`]);
  expect(status).toBe(0);
  expect(stdout).toMatch(
    /^# TYPE holdfast_node_restart_pending gauge\nholdfast_node_restart_pending\{.*network="bitcoin"\} 0$/m,
  );
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: stdout, encoding: 'utf8' });
  if (checked.error !== undefined) ctx.skip('promtool (package prometheus) is not installed');
  expect(`${checked.stdout}${checked.stderr}`).toBe('');
});

test('no node runs, no store: said so, status 0', () => {
  const { code, report } = statusJson(tempDir());
  expect(code).toBe(0);
  expect(report).toMatchObject({ nodes: [], installed: null, snapshots: [], heldBytes: 0 });
});
