/**
 * SHA-256 (FIPS 180-4) by @noble/hashes, audited and without dependencies: for library users and for checking the
 * launcher's own. The launcher passes OpenSSL's: without a JIT this one takes a hundred times as long (measured).
 */
import { sha256 as noble } from '@noble/hashes/sha2.js';
import type { Sha256 } from './tree.ts';

/** SHA-256 of the concatenation of its arguments, 32 bytes. */
export const nobleSha256: Sha256 = (...parts) => {
  const hash = noble.create();
  for (const part of parts) hash.update(part);
  return hash.digest();
};
