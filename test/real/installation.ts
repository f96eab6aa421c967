/**
 * The two versions of real Core Lightning that the tests are given, and copies of them to upgrade. A copy lies where
 * its files would after a plain `make install`: lightningd finds the rest from its own place.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { onTestFinished } from 'vitest';
import { ageDirectories } from '../../fixtures/stand-in/layout.js';
import { listFiles, type UPGRADES, upgrade } from '../../fixtures/stand-in/upgrade.js';

/** Prefixes with bin/lightningd; vitest.real.config.ts has looked at both. */
export const OLD = process.env.CLN_OLD ?? '';
export const NEW = process.env.CLN_NEW ?? '';

/** The lightning-cli that asks all nodes, whatever is upgraded. */
export const CLI = join(NEW, 'bin/lightning-cli');

/** The path of libexec's programs below a prefix. */
export const LIBEXEC = 'libexec/c-lightning';

/** The last line of `lightningd --version`: log lines may stand before it. */
export function versionOf(prefix: string): string {
  const { stdout } = spawnSync(join(prefix, 'bin/lightningd'), ['--version'], { encoding: 'utf8' });
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** An installation that a test may change. */
export interface Installed {
  readonly prefix: string;
  readonly lightningd: string;
}

/** A directory for this test alone, which every user may enter; removed after it. */
export function scratch(): string {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'holdfast-real-'));
  spawnSync('chmod', ['755', dir]);
  onTestFinished(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** A copy of an installation at `dir`/usr, as if it had been there for an hour. */
export function install(dir: string, from = OLD): Installed {
  const prefix = join(dir, 'usr');
  ensureDirSync(dir);
  const { status, stderr } = spawnSync('cp', ['-r', '--preserve=mode', from, prefix], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  ageDirectories(prefix);
  return { prefix, lightningd: join(prefix, 'bin/lightningd') };
}

/** A whole upgrade (or a downgrade), the files that the new version has no more removed, as package managers do. */
export function upgradeTo(to: string, { prefix }: Installed, way: keyof typeof UPGRADES = 'rename'): void {
  upgrade(way, to, prefix);
  for (const file of listFiles(prefix)) if (!existsSync(join(to, file))) rmSync(join(prefix, file));
}

/** Half an upgrade: what lies below libexec is new, what lies in bin/ is not. */
export function upgradeLibexec(to: string, { prefix }: Installed): void {
  upgrade(
    'rename',
    to,
    prefix,
    listFiles(to).filter(file => dirname(file) !== 'bin'),
  );
}

/** Takes all its files away. */
export function uninstall({ prefix }: Installed): void {
  for (const file of listFiles(prefix)) rmSync(join(prefix, file));
}
