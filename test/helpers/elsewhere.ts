/**
 * Runs functions of src/ in another process: another user, another namespace. The modules are bundled first, since
 * the oldest Node that we support does not read TypeScript.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const top = join(import.meta.dirname, '../..');

/**
 * Bundles `source` (its imports may name modules as `src/…`) into `directory`, to be started as
 * `node <result>`; give `environment` along.
 */
export async function bundle(directory: string, source: string): Promise<string> {
  const entry = join(directory, 'entry.mjs');
  const file = join(directory, 'entry.cjs');
  writeFileSync(entry, source.replaceAll("'src/", `'${top}/src/`));
  const build = await rolldown({
    input: entry,
    platform: 'node',
    external: [/^node:/, 'koffi'],
    logLevel: 'silent',
  });
  try {
    await build.write({ file, format: 'cjs', codeSplitting: false });
  } finally {
    await build.close();
  }
  return file;
}

/** So that a bundle outside the repository finds koffi. */
export const environment: NodeJS.ProcessEnv = { ...process.env, NODE_PATH: join(top, 'node_modules') };

/** Starts a command line that prints one JSON value. */
export function jsonFrom(file: string, ...args: string[]): unknown {
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8', env: environment, timeout: 30_000 }));
}
