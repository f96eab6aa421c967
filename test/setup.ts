/**
 * vitest's global setup: builds dist/ once for the tests that start bin/holdfast, and compiles the C stand-ins.
 * A build that fails is said, not thrown: most tests read src/ directly. dist/ is then missing (the build script
 * removes it first), so that no test can pass on yesterday's bundle.
 */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chmodSync,
  copySync,
  existsSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  removeSync,
  statSync,
} from 'fs-extra';
import { compile } from '../fixtures/stand-in/make-c.js';
import { INSTALLED } from './helpers/holdfast.ts';

const top = join(import.meta.dirname, '..');

/** Called by vitest before any test file is loaded. */
export default function setup(): () => void {
  const compiled = compile();
  if ('reason' in compiled)
    console.error(`test/setup.ts: no C stand-in, its tests are skipped: ${compiled.reason}`);
  if (!isFresh()) build();
  const cleanUp = [copyForOthers(), spreadOut()];
  return () => {
    for (const end of cleanUp) end();
  };
}

/**
 * What tests make lies in a directory of its own, whose directories an ext4 spreads over the disk as it does those of the
 * root directory (chattr +T). Beside each other, where thousands of files are made and removed again, an ext4 without a
 * journal looks for the inode of each new file among all that were freed in the last minutes: 27 ms for an installation,
 * 1 ms like this. Other file systems have no such flag, and need none.
 */
function spreadOut(): () => void {
  process.env.HOLDFAST_STAND_INS ??= tmpdir(); // what is compiled once stays where it is
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'hf-'));
  chmodSync(directory, 0o1777); // as that of /tmp: tests are other users as well
  spawnSync('chattr', ['+T', directory]);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = directory;
  return () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    spawnSync('rm', ['-rf', '--one-file-system', directory]); // what a test has left, and nothing that is mounted there
  };
}

function build(): void {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: top,
    encoding: 'utf8',
  });
  if (status !== 0) console.error(`test/setup.ts: npm run build failed:\n${stdout ?? ''}${stderr ?? ''}`);
}

/** In a home that is closed (0700), other users cannot start what they are to be tested with: they get a copy. */
function copyForOthers(): () => void {
  const parents = top.split('/').map((_, index, names) => names.slice(0, index + 1).join('/') || '/');
  if (process.geteuid?.() !== 0 || parents.every(path => (statSync(path).mode & 0o005) === 0o005))
    return () => undefined;
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-test-copy-'));
  chmodSync(copy, 0o755);
  for (const part of INSTALLED) if (existsSync(join(top, part))) copySync(join(top, part), join(copy, part));
  spawnSync('chmod', ['-R', 'go+rX', copy]);
  process.env.HOLDFAST_TEST_COPY = copy;
  return () => removeSync(copy);
}

/** Whether the bundle is younger than all that goes into it. */
function isFresh(): boolean {
  const sources = readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' });
  const inputs = ['package.json', 'package-lock.json', 'rolldown.config.js', 'src'];
  for (const name of sources) inputs.push(join('src', name)); // directories too: their mtime tells of a removed file
  const mtime = (name: string) => statSync(join(top, name), { throwIfNoEntry: false })?.mtimeMs;
  const built = mtime('dist/cli.cjs');
  return built !== undefined && inputs.every(name => (mtime(name) ?? Number.POSITIVE_INFINITY) <= built);
}
