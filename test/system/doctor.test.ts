/** `holdfast doctor`: what it says of a machine that has all, and of one that has not. */
import { cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { DOCTOR_CHECKS } from '../../src/commands/doctor/report.ts';
import { copyOfHoldfast, HOLDFAST, holdfast } from '../helpers/holdfast.ts';
import { inMountNamespace } from '../helpers/in-namespace.ts';
import { noMounts } from '../helpers/mounts.ts';
import { readJson } from '../helpers/schema.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

interface Check {
  readonly name: string;
  readonly level: string;
  readonly says: string;
  readonly todo: readonly string[];
}

function makeWorld() {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const env = { ...process.env, PATH: `${dirname(installed.lightningd)}:${process.env.PATH}` };
  const lightningDir = join(dir, 'lightning');
  return { dir, installed, env, lightningDir, place: `--lightning-dir=${lightningDir}` };
}

function doctor(words: readonly string[], options: Parameters<typeof holdfast>[1]) {
  const called = holdfast(['doctor', '--json', ...words], options);
  const { verdict, checks } = readJson('doctor', called.stdout);
  const byName = Object.fromEntries(checks.map((check: Check) => [check.name, check])) as Record<
    string,
    Check
  >;
  return { status: called.status, verdict, names: checks.map(({ name }: Check) => name), check: byName };
}

test('looks at all there is to look at, and finds what is well', () => {
  const { installed, env, place } = makeWorld();
  const found = doctor([place], { env });
  expect(found).toMatchObject({ status: 0, verdict: 'ok', names: DOCTOR_CHECKS });
  for (const name of ['koffi', 'shell', 'kernel', 'path', 'lightningd', 'store', 'room'] as const)
    expect(found.check[name]).toMatchObject({ level: 'ok', todo: [] });
  expect(found.check.lightningd?.says).toContain(installed.lightningd);
});

test('holdfast is in PATH by a link, or by its own directory, or is not', () => {
  const { env, place } = makeWorld();
  const says = (PATH: string) => doctor([place], { env: { ...env, PATH } }).check.path?.says;
  const bin = dirname(realpathSync(HOLDFAST));
  expect(says(`${bin}:${env.PATH}`)).toMatch(/^holdfast is [^,]*\/holdfast; lightningd is /);
  const without = env.PATH.split(':').filter(directory => directory !== bin);
  const link = tempDir();
  symlinkSync(HOLDFAST, join(link, 'holdfast'));
  expect(says([...without, link].join(':'))).toMatch(/^holdfast is [^,]*\/holdfast; lightningd is /);
  expect(says(without.join(':'))).toMatch(/which no directory of PATH leads to/);
});

test('says for people what it says for machines, and makes nothing', () => {
  const { env, place } = makeWorld();
  const { status, stdout, stderr } = holdfast(['doctor', place], { env });
  expect([status, stderr]).toEqual([0, '']);
  for (const name of DOCTOR_CHECKS) expect(stdout).toMatch(new RegExp(`^(ok|warning) +${name} `, 'm'));
  expect(stdout).toMatch(/holdfast can work here/);
});

test('a store that is refused is a problem, and where lightningd is missing it goes on', () => {
  const { dir, lightningDir, place } = makeWorld();
  mkdirSync(lightningDir);
  symlinkSync(dir, join(lightningDir, 'subdaemons'));
  const found = doctor([place], {
    env: { ...process.env, PATH: '/usr/bin:/bin', HOLDFAST_NODE: process.execPath },
  });
  expect(found).toMatchObject({ status: 1, verdict: 'finding', names: DOCTOR_CHECKS });
  expect(found.check.store).toMatchObject({
    level: 'problem',
    says: expect.stringContaining('symbolic link'),
  });
  expect(found.check.path?.level).toBe('warning');
});

/** holdfast as it is installed, its native binding being a file that is no program. */
function makeBroken(dir: string): string {
  const top = copyOfHoldfast(join(dir, 'broken'));
  const addon = `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
  writeFileSync(join(top, addon), 'no program');
  return join(top, 'bin/holdfast');
}

test("a binding that does not load is said in the loader's own words, there and where it is needed", () => {
  const { dir, installed, env, place } = makeWorld();
  const program = makeBroken(dir);
  const found = doctor([place], { env, program });
  expect(found).toMatchObject({ status: 1, names: DOCTOR_CHECKS });
  expect(found.check.koffi).toMatchObject({
    level: 'problem',
    says: expect.stringMatching(/koffi\.node: (file too short|invalid ELF header)/),
  });
  expect(found.check.shell?.level).toBe('ok');
  const run = holdfast(['run', installed.lightningd, place], { env, program });
  expect(run.status).toBe(125);
  expect(run.stderr).toMatch(/koffi\.node: (file too short|invalid ELF header)/);
  expect(run.stderr).toMatch(/hint: .*holdfast doctor/);
});

test('where OpenRC starts services it looks into the script of that name', ctx => {
  const reason = noMounts();
  if (reason !== undefined) ctx.skip(reason);
  if (!existsSync('/etc/init.d')) ctx.skip('there is no /etc/init.d to mount one over');
  const dir = tempDir();
  mkdirSync(join(dir, 'init.d'));
  writeFileSync(join(dir, 'init.d/plain'), '#!/sbin/openrc-run\ncommand=/usr/bin/lightningd\n');
  cpSync(join(HOLDFAST, '../../contrib/openrc/lightningd'), join(dir, 'init.d/lightningd'));
  const reports = inMountNamespace<{ checks: Check[] }>(
    dir,
    `
mount -t tmpfs tmpfs /run
mkdir /run/openrc
mount --bind "$D/init.d" /etc/init.d
for unit in lightningd plain none; do "$HOLDFAST" doctor --json --lightning-dir="$D/lightning" $unit || true; done`,
  );
  const units = reports.map(({ checks }) => checks.find(({ name }) => name === 'unit'));
  expect(units).toMatchObject([
    { level: 'ok', says: "'/etc/init.d/lightningd' starts lightningd from a snapshot" },
    { level: 'warning', says: expect.stringContaining("'/etc/init.d/plain' has no holdfast in it") },
    { level: 'warning', says: expect.stringContaining("'/etc/init.d/none' is not there") },
  ]);
});

test('in a checkout that was not built, holdfast says what builds it', () => {
  const { dir } = makeWorld();
  cpSync(HOLDFAST, join(dir, 'clone/bin/holdfast'));
  const { status, stderr } = holdfast(['doctor'], { program: join(dir, 'clone/bin/holdfast') });
  expect([status, stderr]).toEqual([2, expect.stringMatching(/dist\/cli\.cjs' is missing: .*npm run build/)]);
});
