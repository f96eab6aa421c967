/** A library that the next subdaemon needs goes away, or is replaced by one that does not fit, under a running node. */
import { spawnSync } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { HOLDFAST } from '../helpers/holdfast.ts';
import { noMounts } from '../helpers/mounts.ts';
import { fate, opens, setting } from './fate.ts';
import { LIBEXEC, OLD, versionOf } from './installation.ts';
import { type RealNode, startNode, until } from './node.ts';
import { note } from './table.ts';

const before = versionOf(OLD);
const SECRET = '5a'.repeat(32);

/** A library of lightning_openingd's that is not glibc's; undefined where it has none. */
function library(): string | undefined {
  const { stdout } = spawnSync('ldd', [join(OLD, LIBEXEC, 'lightning_openingd')], { encoding: 'utf8' });
  const found = [...stdout.matchAll(/=> (\/\S+)/g)].map(match => match[1] ?? '');
  return found.find(path => !/\/(ld-|lib(c|m|dl|pthread|rt)\.so)/.test(path));
}

/** Runs shell commands where the node's mounts are; `$1` is the library. */
function within(node: RealNode, script: string, path: string): void {
  const words = ['-t', `${node.pid}`, '-m', 'sh', '-ec', script, 'sh', path];
  const { status, stderr } = spawnSync('nsenter', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** `status` finds that the next channel will fail, and by which library. */
function expectWarned(node: RealNode, path: string): void {
  const words = ['-t', `${node.pid}`, '-m', HOLDFAST, 'status', `--lightning-dir=${node.dir}`];
  const { status, stdout } = spawnSync('nsenter', words, { encoding: 'utf8' });
  expect(stdout).toContain(basename(path));
  expect(status).toBe(1);
}

const CHANGES = {
  'is gone': 'rm -f "$(readlink -f "$1")" "$1"',
  'is replaced by one without its functions':
    'f=$(readlink -f "$1"); cp "$(dirname "$1")/libm.so.6" "$f.new"; mv "$f.new" "$f"',
};

for (const [what, script] of Object.entries(CHANGES))
  test(`a library of lightning_openingd ${what}`, async ctx => {
    const reason = noMounts();
    if (reason !== undefined) ctx.skip(reason);
    const path = library();
    if (path === undefined) return ctx.skip(`lightning_openingd of ${before} needs no library but glibc's`);
    const { dir, installed, peer } = await setting();
    const start = (name: string, command: string[]) =>
      startNode(join(dir, name), { command, mounts: ownCopyOf(dirname(path), join(dir, `${name}.mount`)) });
    const plain = await start('plain', [installed.lightningd]);
    const left = await start('left', [HOLDFAST, 'run', '--libraries=leave', installed.lightningd]);
    const held = await start('held', [HOLDFAST, 'run', installed.lightningd]);
    for (const node of [plain, left, held]) {
      expect(node.open(peer)).toBe('');
      within(node, script, path);
    }
    note(ctx, { plain: await fate(plain, peer, before), held: await fate(held, peer, before) });
    expect(ctx.task.meta.held).toBe(opens(before));
    expect(held.broken()).toEqual([]);

    expect(ctx.task.meta.plain, 'the control shows no disease').not.toBe(opens(before));
    if (path.includes('libgcc')) return; // Node needs it too, and so the backend, and holdfast's own status

    // what else is started late: a plugin, and lightningd itself
    const { id } = held.rpc('getinfo');
    const { name } = held
      .rpc('plugin', 'list')
      .plugins.find((plugin: { dynamic: boolean }) => plugin.dynamic);
    held.rpc('plugin', 'stop', name);
    const plugin = join(held.snapshot(), LIBEXEC, 'plugins', basename(name));
    expect(held.cli('plugin', 'start', plugin).status, `${plugin} is started`).toBe(0);
    held.cli('recover', SECRET);
    await until('the recovered node', () => held.version() && held.rpc('getinfo').id !== id);
    note(ctx, { held: `${await fate(held, peer, before)}; so after \`recover\`` });
    expect(ctx.task.meta.held).toContain(opens(before));
    expectWarned(left, path);
    expect(await fate(left, peer, before), 'nor does --libraries=leave').not.toBe(opens(before));
  });

/** Shell commands that lay a directory of its own over `directory`: what is changed there, the rest of the machine keeps. */
const ownCopyOf = (directory: string, room: string): string =>
  `mkdir "${room}" "${room}/up" "${room}/work"
   mount -t overlay none -o "lowerdir=${directory},upperdir=${room}/up,workdir=${room}/work" "${directory}"`;
