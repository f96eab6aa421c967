/** statfs(2): how much room a file system has for us. Only reads. */
import { statfsSync } from 'node:fs';

/**
 * Bytes that an ordinary user may still write where `path` is; undefined where the file system does not say (one that
 * reports no blocks at all, such as a tmpfs without a limit). Quotas are not seen.
 * @throws Node's error of statfs(2)
 */
export function freeBytes(path: string): bigint | undefined {
  const stat = statfsSync(path, { bigint: true });
  if (stat.blocks === 0n) return undefined;
  // statfs(2) counts in f_frsize; a Node that does not hand it on has f_bsize, which local file systems make the same
  const { frsize } = stat as { frsize?: bigint };
  return stat.bavail * (frsize ?? stat.bsize);
}
