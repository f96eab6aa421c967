import { chmodSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { listContents } from '../../../src/lightning/installation/contents.ts';
import { findInstallation } from '../../../src/lightning/installation/installation.ts';
import { findUpgradeTraces } from '../../../src/lightning/installation/upgrade-traces.ts';
import { ageDirectories, makeCInstallation, noCompiler, tempDir } from '../../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

const now = () => BigInt(Date.now()) * 1_000_000n;

function traces(lightningd: string, at = now()) {
  const installation = findInstallation(lightningd);
  return findUpgradeTraces(listContents(installation), installation.programs, at).traces;
}

test('a quiet installation has no traces', () => {
  expect(traces(makeCInstallation(tempDir(), 'v25.12').lightningd)).toEqual([]);
});

test.each([
  ['bin/lightningd.dpkg-new'],
  ['bin/lightning-cli.dpkg-tmp'],
  ['bin/lightningd;65a0b1c2'],
  ['libexec/c-lightning/lightning_openingd.dpkg-new'],
  ['libexec/c-lightning/plugins/pay;65a0b1c2'],
])('%s is a trace', name => {
  const { prefix, lightningd } = makeCInstallation(tempDir(), 'v25.12');
  writeFileSync(join(prefix, name), 'x', { mode: 0o755 });
  ageDirectories(prefix);
  expect(traces(lightningd)).toMatchObject([{ path: join(prefix, name), passesInMs: undefined }]);
});

test.each([
  ['bin/other-program.dpkg-new'],
  ['bin/lightningd.dpkg-old'],
  ['libexec/c-lightning/config.pacnew'],
  ["libexec/c-lightning/plugins/an operator's own,\nempty"],
])('%s is none', name => {
  const { prefix, lightningd } = makeCInstallation(tempDir(), 'v25.12');
  writeFileSync(join(prefix, name), name.endsWith('empty') ? '' : 'x', { mode: 0o755 });
  ageDirectories(prefix);
  expect(traces(lightningd)).toEqual([]);
});

test.each([
  ['bin/lightning-cli', '', 0o755, 'is empty'],
  ['libexec/c-lightning/lightning_openingd', 'x', 0o600, 'cannot be executed'],
  ['libexec/c-lightning/plugins/bcli', '', 0o755, 'is empty'],
  ['libexec/c-lightning/plugins/bcli', 'half', 0o600, 'cannot be executed'],
  ['libexec/c-lightning/plugins/bcli', 'whole', 0o644, 'cannot be executed'],
])('%s with content %j and mode %o is a program that %s', (name, content, mode, reason) => {
  const { prefix, lightningd } = makeCInstallation(tempDir(), 'v25.12');
  writeFileSync(join(prefix, name), content);
  chmodSync(join(prefix, name), mode);
  ageDirectories(prefix);
  expect(traces(lightningd)).toMatchObject([{ reason: expect.stringContaining(reason!) }]);
});

test('data beside plugins may be empty or not executable', () => {
  const { prefix, lightningd } = makeCInstallation(tempDir(), 'v25.12');
  writeFileSync(join(prefix, 'libexec/c-lightning/plugins/README'), 'text', { mode: 0o644 });
  writeFileSync(join(prefix, 'libexec/c-lightning/plugins/clnrest/__init__.py'), '');
  ageDirectories(prefix);
  expect(traces(lightningd)).toEqual([]);
});

test('a directory that changed a second ago says when it will be old enough; one of the future is old', () => {
  const { prefix, lightningd } = makeCInstallation(tempDir(), 'v25.12');
  const at = now();
  const seconds = Number(at / 1_000_000n) / 1000;
  utimesSync(join(prefix, 'bin'), seconds, seconds - 0.5);
  utimesSync(join(prefix, 'libexec/c-lightning'), seconds, seconds + 1000);
  const [trace, ...others] = traces(lightningd, at);
  expect(others).toEqual([]);
  expect(trace).toMatchObject({ path: join(prefix, 'bin') });
  expect(trace?.passesInMs).toBeGreaterThan(1400);
  expect(trace?.passesInMs).toBeLessThan(1600);
});
