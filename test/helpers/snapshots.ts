/** Snapshots for tests, written file by file: for what no launch would leave behind. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatManifest, type Manifest, makeManifest } from '../../src/manifest/manifest.ts';
import { formatSha256sums } from '../../src/manifest/sha256sums.ts';
import { sha256 } from '../../src/snapshot/hash/digest.ts';

/** A file to put into a snapshot; executable unless said otherwise. */
export interface TestFile {
  readonly path: string;
  readonly content: string | Buffer;
  readonly executable?: boolean;
}

/** A small installation: programs, a data file, a file below a directory of its own. */
export const SOME_FILES: readonly TestFile[] = [
  { path: 'bin/lightningd', content: 'the daemon' },
  { path: 'bin/lightning-cli', content: 'the client' },
  { path: 'libexec/c-lightning/lightning_hsmd', content: 'keeps the keys' },
  { path: 'libexec/c-lightning/lightning_openingd', content: 'opens channels' },
  { path: 'libexec/c-lightning/plugins/clnrest/clnrest.py', content: '#!/usr/bin/env python3\n' },
  { path: 'libexec/c-lightning/plugins/clnrest/routes.txt', content: 'getinfo\n', executable: false },
];

/** Writes `<store>/<id>` as a build would leave it, with the store's lock beside it. */
export function writeSnapshot(
  store: string,
  files: readonly TestFile[] = SOME_FILES,
): { path: string; manifest: Manifest } {
  const manifest = makeManifest('v25.12', files.map(entryOf), sha256);
  const path = join(store, manifest.root.slice(0, 16));
  makeDirectories(path);
  writeFile(join(store, '.lock'), '', 0o600);
  for (const { path: name, content, executable = true } of files) {
    makeDirectories(dirname(join(path, name)));
    writeFile(join(path, name), content, executable ? 0o755 : 0o644);
  }
  writeFile(join(path, 'SHA256SUMS'), formatSha256sums(manifest.files), 0o644);
  writeFile(join(path, 'manifest.json'), formatManifest(manifest), 0o644);
  return { path, manifest };
}

/** The entry of a file's content. */
export function entryOf({ path, content, executable = true }: TestFile) {
  const bytes = Buffer.from(content);
  return {
    path,
    mode: executable ? '100755' : '100644',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  } as const;
}

function makeDirectories(path: string): void {
  const made = mkdirSync(path, { recursive: true });
  for (let at = path; made !== undefined && at.length >= made.length; at = dirname(at)) chmodSync(at, 0o755);
}

function writeFile(path: string, content: string | Buffer, mode: number): void {
  writeFileSync(path, content, { mode });
  chmodSync(path, mode); // whatever the umask
}
