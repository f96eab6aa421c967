/**
 * `holdfast/manifest`: the Merkle manifest alone, for other people's tools, release pipelines and web pages. Pure: no
 * native code, nothing of Node; SHA-256 is that of @noble/hashes. docs/manifest.md has the format.
 *
 * ```ts
 * import { merkleRoot, parseManifest, inclusionProof, checkInclusion } from 'holdfast/manifest';
 *
 * const manifest = parseManifest(new Uint8Array(await (await fetch('manifest.json')).arrayBuffer()));
 * const proof = inclusionProof(manifest, 'bin/lightningd');
 * checkInclusion(proof, manifest.root); // true
 * ```
 */
import { HoldfastError } from './errors.ts';
import {
  type Manifest,
  type ManifestFile,
  makeManifest as makeWith,
  parseManifest as parseWith,
} from './manifest/manifest.ts';
import {
  makeProof,
  type Proof,
  parseProof as parseProofText,
  readProof,
  verifyProof,
} from './manifest/proof.ts';
import { nobleSha256 } from './manifest/sha256.ts';

export { type ErrorCode, HoldfastError } from './errors.ts';
export { type FileMode, formatManifest, type Manifest, type ManifestFile } from './manifest/manifest.ts';
export type { Proof } from './manifest/proof.ts';

/**
 * The Merkle root over these files, in whatever order they come: RFC 9162's MTH over the entries of docs/manifest.md.
 * @returns 64 lower-case hex digits
 * @throws HoldfastError `MANIFEST_INVALID`: a path, mode, size or digest that no manifest can have, or a path twice
 */
export function merkleRoot(files: readonly ManifestFile[]): string {
  return makeManifest('none', files).root; // the root says nothing of the version
}

/**
 * The manifest of these files.
 * @param version one line of printable ASCII; no part of the root
 * @throws HoldfastError `MANIFEST_INVALID`
 */
export function makeManifest(version: string, files: readonly ManifestFile[]): Manifest {
  return makeWith(version, files, nobleSha256);
}

/** Reads the bytes of a manifest.json, untrusted. @throws HoldfastError `MANIFEST_INVALID` that says what and where */
export function parseManifest(bytes: Uint8Array): Manifest {
  return parseWith(bytes, nobleSha256);
}

/** The inclusion proof (RFC 9162, 2.1.3) of the entry with this path. @throws HoldfastError `MANIFEST_INVALID` where there is none */
export function inclusionProof(manifest: Manifest, path: string): Proof {
  return makeProof(manifest, path, nobleSha256);
}

/** Reads the bytes of a proof, untrusted. @throws HoldfastError `MANIFEST_INVALID` */
export function parseProof(bytes: Uint8Array): Proof {
  return parseProofText(bytes);
}

/**
 * Does the proof lead from its file to this root? Whether a file on disk is that file is for the caller to compare. The
 * proof may come from anywhere, also as JSON.parse gives it: what is no valid proof proves nothing.
 */
export function checkInclusion(proof: Proof, root: string): boolean {
  try {
    return verifyProof(readProof(proof), root, nobleSha256);
  } catch (error) {
    if (error instanceof HoldfastError) return false;
    throw error;
  }
}
