/** The lightning-dir and its configuration files as lightningd itself finds and reads them. */
import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { HOLDFAST, holdfast, snapshotJson } from '../helpers/holdfast.ts';
import { makeCInstallation, noCompiler, startNode, tempDir } from '../helpers/stand-in.ts';

beforeEach(ctx => {
  if (noCompiler() !== undefined) ctx.skip(noCompiler());
});

function makePlace() {
  const dir = tempDir();
  const { lightningd, ...installed } = makeCInstallation(dir, 'v25.12', { plugins: 1 });
  return { dir, lightningd, installed: { lightningd, ...installed } };
}

describe('a link before ..', () => {
  test.each(['absolute', 'relative'])('is followed, as the kernel does it (%s)', async how => {
    const { dir, installed } = makePlace();
    mkdirSync(join(dir, 'T'));
    ensureDirSync(join(dir, 'other/data'));
    symlinkSync('../other/data', join(dir, 'T/link'));
    const real = join(dir, 'other/x');
    const given = how === 'absolute' ? `${dir}/T/link/../x` : '../T/link/../x';
    const cwd = join(dir, 'T');
    const snapshot = snapshotJson([installed.lightningd, `--lightning-dir=${given}`], { cwd });
    expect(snapshot.path).toBe(join(real, 'subdaemons', snapshot.id));
    const node = await startNode(installed, `${dir}/T/link/../x`, {
      command: [HOLDFAST, 'run', installed.lightningd],
    });
    expect(dirname(dirname(readlinkSync(`/proc/${node.pid}/exe`)))).toBe(snapshot.path);
    const { stdout } = holdfast(['status', '--json', `--lightning-dir=${given}`], { cwd });
    expect(JSON.parse(stdout)).toMatchObject({ nodes: [{ pid: node.pid, lightningDir: real }] });
    const verified = holdfast(['verify', '--json', `--lightning-dir=${given}`], { cwd });
    expect(JSON.parse(verified.stdout)).toMatchObject({
      verdict: 'ok',
      snapshots: [{ path: snapshot.path }],
    });
    const elsewhere = snapshotJson(
      [`--snapshot-dir=${given}/../s`, installed.lightningd, `--lightning-dir=${given}`],
      { cwd },
    );
    expect(elsewhere.path).toBe(join(dir, 'other/s', snapshot.id));
  });
});

test('a lightning-dir that is a link to a disk that is not there: the error says so, and nothing is made', () => {
  const { dir, lightningd } = makePlace();
  symlinkSync('/nowhere/mounted', join(dir, 'lightning'));
  for (const name of ['lightning', 'lightning/below']) {
    const { status, stderr } = holdfast(['run', lightningd, `--lightning-dir=${dir}/${name}`]);
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: expect.stringMatching(
        `holdfast: cannot make the .*: '${dir}/lightning' is a symbolic link to '/nowhere/mounted', and nothing is there\nholdfast: hint: is the disk mounted that it leads to\\?\n$`,
      ),
    });
  }
});

describe('a configuration file that cannot be read', () => {
  const KINDS: Record<string, (path: string) => void> = {
    'a directory': path => mkdirSync(path),
    'a link to itself': path => symlinkSync('config', path),
    'a socket': path => {
      const short = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
      const server = createServer().listen(join(short, 's'));
      symlinkSync(join(short, 's'), path);
      onTestFinished(() => {
        server.close();
        rmSync(short, { recursive: true });
      });
    },
    'closed to us': path => {
      writeFileSync(path, 'network=regtest\n');
      chmodSync(path, 0);
    },
  };

  test.each(Object.keys(KINDS))('%s: lightningd goes on without it, and so does holdfast', async kind => {
    const { dir, installed } = makePlace();
    const lightningDir = join(dir, 'lightning');
    mkdirSync(lightningDir, { mode: 0o755 });
    KINDS[kind]!(join(lightningDir, 'config'));
    const node = await startNode(installed, lightningDir, {
      command: [HOLDFAST, 'run', installed.lightningd],
    });
    const isRootsOwn = kind === 'closed to us' && process.geteuid!() === 0; // root reads it
    expect(node.info().network).toBe(isRootsOwn ? 'regtest' : 'bitcoin');
    const warning = `holdfast: warning: cannot read the configuration file '${lightningDir}/config': `;
    if (isRootsOwn) expect(node.output()).not.toContain(warning);
    else expect(node.output()).toContain(warning);
  });

  test.each(['a directory', 'a link to itself'])('%s that --conf names: lightningd says so itself', kind => {
    const { dir, lightningd } = makePlace();
    KINDS[kind]!(join(dir, 'config'));
    const words = [
      lightningd,
      `--conf=${dir}/config`,
      `--lightning-dir=${dir}/lightning`,
      '--test-daemons-only',
    ];
    const run = holdfast(['run', '--verbose', ...words.slice(0, -1), '--help']);
    expect(run).toMatchObject({ status: 0 });
    const { status, stderr } = holdfast(['snapshot', ...words.slice(0, -1)]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining(`cannot read the configuration file '${dir}/config': `),
    });
  });
});
