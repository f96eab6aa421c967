/**
 * vitest's global setup: builds dist/ once for the tests that start bin/holdfast, and compiles the C stand-ins.
 * A build that fails is said, not thrown: most tests read src/ directly. dist/ is then missing (the build script
 * removes it first), so that no test can pass on yesterday's bundle.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compile } from '../fixtures/stand-in/make-c.js';

const top = join(import.meta.dirname, '..');

/** Called by vitest before any test file is loaded. */
export default function setup(): void {
  const compiled = compile();
  if ('reason' in compiled)
    console.error(`test/setup.ts: no C stand-in, its tests are skipped: ${compiled.reason}`);
  if (isFresh()) return;
  const build = spawnSync('npm', ['run', '--silent', 'build'], { cwd: top, encoding: 'utf8' });
  if (build.status !== 0) {
    console.error(`test/setup.ts: npm run build failed:\n${build.stdout ?? ''}${build.stderr ?? ''}`);
  }
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
