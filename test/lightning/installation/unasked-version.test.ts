import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { listContents } from '../../../src/lightning/installation/contents.ts';
import { findInstallation } from '../../../src/lightning/installation/installation.ts';
import { unaskedVersion } from '../../../src/lightning/installation/unasked-version.ts';
import { makeCInstallation, makeInstallation, noCompiler, tempDir } from '../../helpers/stand-in.ts';

beforeEach(ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
});

function versionOf(lightningd: string): string | undefined {
  const installation = findInstallation(lightningd);
  return unaskedVersion(installation.lightningd, listContents(installation).files);
}

test.each(['v25.12', 'v26.06.6', 'v26.06rc2', 'v26.06-258-g090f4b0'])('the images of %s tell it', version => {
  expect(versionOf(makeCInstallation(tempDir(), version).lightningd)).toBe(version);
});

test('images of two versions tell none, and nor do scripts', () => {
  const dir = tempDir();
  const installed = makeCInstallation(dir, 'v25.12');
  const next = makeCInstallation(join(dir, 'next'), 'v26.03');
  for (const name of ['lightning_channeld', 'lightning_closingd', 'lightning_openingd', 'lightning_hsmd']) {
    copyFileSync(join(next.libexec, name), join(installed.libexec, name));
  }
  for (const name of ['lightning_connectd', 'lightning_gossipd', 'lightning_onchaind']) {
    copyFileSync(join(next.libexec, name), join(installed.libexec, name));
  }
  expect(versionOf(installed.lightningd)).toBeUndefined();
  expect(versionOf(makeInstallation(join(dir, 'scripts'), 'v25.12').lightningd)).toBeUndefined();
});
