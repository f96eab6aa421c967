/** `npm run demo` tells the story, notices when it does not come true, and leaves nothing behind either way. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../helpers/running.ts';
import { type Running, start, tempDir } from '../helpers/stand-in.ts';

const top = join(import.meta.dirname, '../..');

/** Starts the demo of a checkout, with a temporary directory that is ours to look at. */
function startDemo(checkout: string, temporary: string): Running {
  const env = { ...process.env, TMPDIR: temporary };
  return start(process.execPath, [join(checkout, 'fixtures/demo.js')], { env });
}

/** Command lines of all processes that have to do with the directory. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return ''; // gone meanwhile
      }
    })
    .filter(line => line.includes(directory));
}

async function expectNothingLeft(temporary: string): Promise<void> {
  await until('the last of the processes to end', () => processesOf(temporary).length === 0);
  expect(readdirSync(temporary)).toEqual([]);
}

/** A checkout with another program in the place of holdfast. */
function checkoutWith(holdfast: string): string {
  const checkout = tempDir();
  cpSync(join(top, 'fixtures'), join(checkout, 'fixtures'), { recursive: true });
  cpSync(join(top, 'package.json'), join(checkout, 'package.json'));
  symlinkSync(join(top, 'node_modules'), join(checkout, 'node_modules'));
  mkdirSync(join(checkout, 'dist'));
  writeFileSync(join(checkout, 'dist/cli.cjs'), '');
  mkdirSync(join(checkout, 'bin'));
  writeFileSync(join(checkout, 'bin/holdfast'), holdfast, { mode: 0o755 });
  return checkout;
}

describe('npm run demo', () => {
  it('shows the plain node break and the one under holdfast live on', async () => {
    const temporary = tempDir();
    const demo = startDemo(top, temporary);
    expect(await demo.ended, demo.output()).toBe(0);
    const chapter = (number: number) => demo.output().split(/\n(?=\d\. )/)[number];
    expect(chapter(4)).toContain("openingd version 'v26.03' not 'v25.12': restarting");
    expect(chapter(4)).not.toContain('\nok ');
    expect(chapter(5)).toContain('\nok v25.12\n');
    expect(chapter(6)).toContain('\nok v26.03\n');
    await expectNothingLeft(temporary);
  });

  it('fails, naming the command, where holdfast does not hold fast', async () => {
    const temporary = tempDir();
    const plain =
      '#!/bin/sh\nmkdir -p held/subdaemons/current\n>held/subdaemons/current/manifest.json\nshift; exec "$@"\n';
    const demo = startDemo(checkoutWith(plain), temporary);
    expect(await demo.ended).toBe(1);
    expect(demo.output()).toContain(
      'exit status 1, not 0: usr/bin/lightning-cli --lightning-dir=$PWD/held open',
    );
    await expectNothingLeft(temporary);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const temporary = tempDir();
    const plain = '#!/bin/sh\nshift; sleep 0.2; exec "$@"\n';
    const demo = startDemo(checkoutWith(plain), temporary);
    await until('both nodes to be started', () => demo.output().includes('holdfast run'));
    process.kill(demo.pid, 'SIGINT');
    expect(await demo.ended).toBe(1);
    await expectNothingLeft(temporary);
  });
});
