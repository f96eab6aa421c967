import { chmodSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { NoexecReport } from '../../src/commands/noexec/report.ts';
import { type NoexecCheckOptions, noexecCheck } from '../../src/commands/noexec-check.ts';
import { renderNoexecCheck } from '../../src/render/noexec-check.ts';
import { ORDINARY_USER } from '../helpers/holdfast.ts';
import { lastingDir, noMounts, programOf, underMounts } from '../helpers/mounts.ts';
import { asUser } from '../helpers/running.ts';
import { makeInstallation, tempDir } from '../helpers/stand-in.ts';

/** As cli.ts calls it, in a process of its own: the request is the first argument. */
const CHECK = `
  import { noexecCheck } from 'src/commands/noexec-check.ts';
  import { renderNoexecCheck } from 'src/render/noexec-check.ts';
  const { options, environment } = JSON.parse(process.argv[2]);
  const report = noexecCheck(options, { environment, uid: process.geteuid(), cwd: '/' });
  console.log(JSON.stringify({ report, holds: report.holds, text: renderNoexecCheck(report) }));`;

interface Checked {
  readonly report: NoexecReport;
  readonly holds: string;
  readonly text: string[];
}

function optionsFor(dir: string, given: readonly string[] = []): NoexecCheckOptions {
  return {
    directories: given,
    store: join(dir, 'lightning/subdaemons'),
    lightningDir: join(dir, 'lightning'),
    lightningd: join(dir, 'usr/bin/lightningd'),
  };
}

function check(options: NoexecCheckOptions, uid = process.geteuid!()): NoexecReport {
  return noexecCheck(options, { environment: { PATH: '' }, uid, cwd: '/' });
}

/** Everything below a directory, with inode, mode and number of links: times may move. */
function picture(top: string): string[] {
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .sort()
    .map(path => {
      const { ino, mode, nlink, uid } = lstatSync(join(top, path));
      return `${path} ${ino} ${mode} ${nlink} ${uid}`;
    });
}

test('a store that is not there yet is judged by its nearest parent, and nothing is left behind', () => {
  const dir = lastingDir();
  makeInstallation(dir, 'v25.12');
  const before = picture(dir);
  const report = check(optionsFor(dir));
  expect(picture(dir)).toEqual(before);
  expect(report.directories[0]).toMatchObject({
    path: join(dir, 'lightning/subdaemons'),
    origin: 'store',
    exists: false,
    judged: dir,
    exec: { verdict: 'executable' },
    write: { works: true, errno: null },
    hardlink: { works: true, reason: null },
    holds: 'yes',
  });
  expect(report.choice).toMatchObject({ origin: 'store', path: join(dir, 'lightning/subdaemons') });
  expect(report.advice).toEqual([]);
  expect(report.installation.files).toBeGreaterThan(10);
  expect(report.directories[0]?.neededBytes).toBeGreaterThan(1_000_000);
  expect(report.holds).toBe('yes');
});

test('without an installation the exec is tried all the same', () => {
  const dir = tempDir();
  const report = check(optionsFor(dir));
  expect(report.installation).toMatchObject({ lightningd: null, bytes: null });
  expect(report.directories[0]).toMatchObject({
    holds: 'yes',
    neededBytes: null,
    hardlink: { works: null, reason: 'not tried' },
  });
  expect(report.holds).toBe('yes');
});

test('after the store come the fallbacks, in order, each with a verdict', () => {
  const report = check(optionsFor(lastingDir()));
  expect(report.directories.map(({ origin }) => origin)).toEqual(['store', '/var/lib/holdfast', '/var/tmp']);
});

test.for([
  ['a file', (path: string) => writeFileSync(path, 'mine')],
  ['a symbolic link', (path: string) => symlinkSync('/etc', path)],
] as const)('a store that is %s is refused, and run would not fall back', ([, make]) => {
  const dir = lastingDir();
  mkdirSync(join(dir, 'lightning'));
  make(join(dir, 'lightning/subdaemons'));
  const report = check(optionsFor(dir));
  expect(report.directories[0]).toMatchObject({ holds: 'no', judged: null, exists: true });
  expect(report.choice).toMatchObject({ path: null, origin: null });
  expect(report.holds).toBe('no');
});

test('a directory that was named and is not there is not known, though its parent is', () => {
  const dir = tempDir();
  const report = check(optionsFor(dir, [join(dir, 'missing/below')]));
  expect(report.directories[0]).toMatchObject({ exists: false, judged: dir, holds: 'unknown' });
  expect(report.directories[0]?.reason).toMatch(/^it does not exist/);
  expect(report.advice[0]).toMatchObject({ type: `mkdir -p -- ${dir}/missing/below` });
  expect(report.holds).toBe('unknown');
});

test('a file that was named, and what would be below one, is not known', () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'file'), '');
  for (const path of [join(dir, 'file'), join(dir, 'file/below')]) {
    const report = check(optionsFor(dir, [path]));
    expect(report.directories[0]).toMatchObject({ judged: null, holds: 'unknown' });
    expect(report.holds).toBe('unknown');
  }
});

test('of several directories named each is told, and the first that will do could be the store', () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'a'));
  const report = check(optionsFor(dir, [join(dir, 'missing'), join(dir, 'a')]));
  expect(report.directories.map(({ holds }) => holds)).toEqual(['unknown', 'yes']);
  expect(report.choice).toMatchObject({ path: join(dir, 'a'), origin: 'given' });
  expect(report.holds).toBe('unknown');
});

test('a directory where we may not write is not known, and not called noexec', ctx => {
  if (process.getuid?.() !== 0) return ctx.skip('only root can become another user');
  const dir = tempDir();
  mkdirSync(join(dir, 'closed'), 0o700);
  const [open, closed] = asUser(ORDINARY_USER, () =>
    [dir, join(dir, 'closed')].map(path => check(optionsFor(dir, [path]), ORDINARY_USER)),
  );
  expect(open?.directories[0]).toMatchObject({
    exec: { verdict: 'undetermined', errno: 'EACCES' },
    write: { works: false, errno: 'EACCES' },
    holds: 'unknown',
  });
  expect(open?.advice[0]?.effect).toMatch(/as the user that runs the node/);
  expect(closed?.directories[0]).toMatchObject({ judged: null, holds: 'unknown' });
  expect([open, closed].map(report => report!.holds)).toEqual(['unknown', 'unknown']);
});

test('a store that run refuses: no directory is named', () => {
  const dir = tempDir();
  makeInstallation(dir, 'v25.12');
  const store = join(dir, 'store');
  mkdirSync(store);
  writeFileSync(join(store, 'notes.txt'), 'of the operator');
  const report = check({ ...optionsFor(dir), store });
  expect(report.choice).toMatchObject({ path: null, origin: null });
  expect(report.choice.reason).toContain("run refuses the store: '");
  expect(report.choice.reason).toContain('notes.txt');
});

test("root's files are not linked into what belongs to an ordinary user", ctx => {
  if (process.getuid?.() !== 0) return ctx.skip('only root can become another user');
  const dir = tempDir();
  makeInstallation(dir, 'v25.12');
  mkdirSync(join(dir, 'open'));
  chmodSync(join(dir, 'open'), 0o777);
  const report = asUser(ORDINARY_USER, () => check(optionsFor(dir, [join(dir, 'open')]), ORDINARY_USER));
  const { hardlink, holds } = report.directories[0]!; // one was named
  expect(hardlink).toMatchObject({ works: false, reason: expect.stringContaining('it belongs to user 0') });
  expect(holds).toBe('yes');
  expect(readdirSync(join(dir, 'open'))).toEqual([]);
});

const WHO = [
  ['root', undefined],
  ['an ordinary user', ORDINARY_USER],
] as const;

test.for(WHO)(
  'real mounts, as %s: the store is noexec, the first fallback too, the second is used',
  async ([, user], ctx) => {
    const reason = noMounts();
    if (reason !== undefined) return ctx.skip(reason);
    const dir = lastingDir();
    makeInstallation(dir, 'v25.12');
    const setup = `
    mkdir "$D/lightning" "$D/run" "$D/cache"
    mount -t tmpfs -o noexec,mode=1777 'the disk' "$D/lightning"
    mount -t tmpfs -o noexec,mode=1777 none "$D/run"
    mount -t tmpfs -o mode=1777 none "$D/cache"`;
    const request = {
      options: optionsFor(dir),
      environment: { RUNTIME_DIRECTORY: join(dir, 'run'), CACHE_DIRECTORY: join(dir, 'cache') },
    };
    const options = { ...(user === undefined ? {} : { user }), args: [JSON.stringify(request)] };
    const { report, holds, text } = underMounts(await programOf(CHECK), dir, setup, options) as Checked;
    expect(
      report.directories.slice(0, 3).map(({ origin, holds, exec }) => [origin, holds, exec.verdict]),
    ).toEqual([
      ['store', 'no', 'noexec'],
      ['$RUNTIME_DIRECTORY', 'no', 'noexec'],
      ['$CACHE_DIRECTORY', 'yes', 'executable'],
    ]);
    expect(report.directories[0]).toMatchObject({
      judged: join(dir, 'lightning'),
      mount: { mountPoint: join(dir, 'lightning'), source: 'the disk', fsType: 'tmpfs' },
      write: { works: true },
      hardlink: { works: false },
      reflink: { works: false },
    });
    expect(report.choice).toMatchObject({ origin: '$CACHE_DIRECTORY' });
    expect(report.choice.path).toMatch(/\/cache\/holdfast\/var-tmp-holdfast/);
    expect(report.advice.map(({ type }) => type)).toEqual(
      expect.arrayContaining([`mount -o remount,exec ${dir}/lightning`, 'CacheDirectory=lightningd']),
    );
    expect(holds).toBe('no');
    expect(text.join('\n')).toContain(`mount -o remount,exec ${dir}/lightning`);
  },
);

test.for(WHO)(
  'real mounts, as %s: an exec mount below a noexec one, the reverse, and a bind mount',
  async ([, user], ctx) => {
    const reason = noMounts();
    if (reason !== undefined) return ctx.skip(reason);
    const dir = lastingDir();
    const setup = `
    mkdir "$D/no" "$D/yes" "$D/bind"; chmod 1777 "$D/yes" "$D/bind"
    mount -t tmpfs -o noexec,mode=1777 none "$D/no"
    mkdir "$D/no/yes"; mount -t tmpfs -o mode=1777 none "$D/no/yes"
    mkdir "$D/yes/no"; mount -t tmpfs -o noexec,mode=1777 none "$D/yes/no"
    mount --bind "$D/bind" "$D/bind"; mount -o remount,bind,noexec "$D/bind"`;
    const given = ['no', 'no/yes', 'no/yes/missing', 'yes', 'yes/no', 'yes/no/missing', 'bind'];
    const request = {
      options: optionsFor(
        dir,
        given.map(path => join(dir, path)),
      ),
      environment: {},
    };
    const options = { ...(user === undefined ? {} : { user }), args: [JSON.stringify(request)] };
    const { report, holds } = underMounts(await programOf(CHECK), dir, setup, options) as Checked;
    expect(report.directories.map(({ path, holds }) => `${path.slice(dir.length + 1)} ${holds}`)).toEqual([
      'no no',
      'no/yes yes',
      'no/yes/missing unknown',
      'yes yes',
      'yes/no no',
      'yes/no/missing no',
      'bind no',
    ]);
    expect(holds).toBe('no');
  },
);

test('a mount point with spaces, tabs, quotes and newlines is told on one line, and the advice can be typed', async ctx => {
  const reason = noMounts();
  if (reason !== undefined) return ctx.skip(reason);
  const dir = lastingDir();
  const odd = `${dir}/a b\tc\nd'e`;
  mkdirSync(odd);
  const setup = `odd=$(printf "%s/a b\\tc\\nd'e" "$D"); mount -t tmpfs -o noexec none "$odd"`;
  const request = { options: optionsFor(dir, [odd]), environment: {} };
  const program = await programOf(CHECK);
  const { report, text } = underMounts(program, dir, setup, { args: [JSON.stringify(request)] }) as Checked;
  expect(report.directories[0]?.mount?.mountPoint).toBe(odd);
  expect(report.advice[0]?.type).toBe(`mount -o remount,exec $'${dir}/a b\\011c\\012d\\'e'`);
  expect(text.every(line => !/[\n\t]/.test(line))).toBe(true);
});

test('a full file system and a read-only one are findings, and said to be that', async ctx => {
  const reason = noMounts();
  if (reason !== undefined) return ctx.skip(reason);
  const dir = lastingDir();
  makeInstallation(dir, 'v25.12');
  const setup = `
    mkdir "$D/small" "$D/ro"; mount -t tmpfs -o size=512k none "$D/small"; mount -t tmpfs -o ro none "$D/ro"`;
  const request = { options: optionsFor(dir, [join(dir, 'small'), join(dir, 'ro')]), environment: {} };
  const program = await programOf(CHECK);
  const { report, holds } = underMounts(program, dir, setup, { args: [JSON.stringify(request)] }) as Checked;
  expect(report.directories).toMatchObject(
    [
      {
        holds: 'no',
        exec: { verdict: 'executable' },
        freeBytes: expect.any(Number),
        reason: /too little room/,
      },
      {
        holds: 'no',
        exec: { verdict: 'undetermined', errno: 'EROFS' },
        write: { works: false, errno: 'EROFS' },
      },
    ].map(row => ({ ...row, ...(row.reason ? { reason: expect.stringMatching(row.reason) } : {}) })),
  );
  expect(report.advice.map(({ type }) => type)).toContain(`mount -o remount,rw ${dir}/ro`);
  expect(holds).toBe('no');
});

test('the text says the verdict, the grounds and the choice', () => {
  const dir = lastingDir();
  makeInstallation(dir, 'v25.12');
  const lines = renderNoexecCheck(check(optionsFor(dir)));
  expect(lines[0]).toBe(`${dir}/lightning/subdaemons (store): can hold programs`);
  expect(lines).toContain('  hard link  works');
  expect(lines).toContain(`  judged by  ${dir}, its nearest parent: it does not exist yet`);
  expect(lines.at(-2)).toBe(`run would use: ${dir}/lightning/subdaemons`);
});

test('what to type has the names as they are: a fallback of a lightning-dir with a dash has a backslash in its own', () => {
  const report = check(optionsFor(lastingDir()));
  const type = String.raw`holdfast run --snapshot-dir='/var/lib/holdfast/srv-l\x2dn' …`;
  const lines = renderNoexecCheck({ ...report, advice: [{ type, effect: 'names the place itself' }] });
  expect(lines).toContain(`  ${type}`);
});
