/**
 * Checks one file against an inclusion proof and a root that is known from elsewhere: without the snapshot, without
 * its manifest. The proof is untrusted input: bounded, parsed strictly. Never writes.
 */

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { HoldfastError, quote, systemError } from '../errors.ts';
import { readRegularFile } from '../linux/files/read-file.ts';
import { fileMode } from '../manifest/entry.ts';
import { MAX_PROOF_BYTES, type Proof, parseProof, verifyProof } from '../manifest/proof.ts';
import { sha256 } from '../snapshot/hash/digest.ts';
import { hashFiles } from '../snapshot/hash/hash.ts';

/** What is compared. */
export type ProofCheck = 'root' | 'inclusion' | 'size' | 'digest' | 'mode';

/** What does not agree. */
export interface ProofFinding {
  readonly path: string;
  readonly check: ProofCheck;
  readonly expected: string;
  readonly found: string;
  readonly reason: string;
}

/** What a proof says of a file, and whether it is so. */
export interface ProofReport {
  /** the file that was checked */
  readonly file: string;
  /** the entry that the proof is about */
  readonly path: string;
  /** the root that was expected */
  readonly root: string;
  readonly findings: readonly ProofFinding[];
}

const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Compares everything, and reports every difference.
 * @throws HoldfastError `MANIFEST_INVALID` for a proof that is none, `UNREADABLE`, `SYSTEM`
 */
export async function checkProof(file: string, proofFile: string, expectRoot: string): Promise<ProofReport> {
  const proof = readProof(proofFile);
  const entry = proof.file;
  const findings: ProofFinding[] = [];
  const compare = (check: ProofCheck, path: string, reason: string, expected: string, found: string) => {
    if (expected !== found) findings.push({ path, check, expected, found, reason });
  };
  compare('root', proofFile, 'the proof is for another root', expectRoot, proof.root);
  if (!verifyProof(proof, proof.root, sha256)) {
    findings.push({
      path: proofFile,
      check: 'inclusion',
      expected: `a path of hashes that leads to ${proof.root}`,
      found: 'one that leads elsewhere',
      reason: 'the proof does not hold',
    });
  }
  const found = await measure(file);
  compare('size', file, 'it has another size', `${entry.size} bytes`, `${found.size} bytes`);
  compare('digest', file, 'its content is another', entry.sha256, found.sha256);
  compare('mode', file, 'its executable bit differs', entry.mode, found.mode);
  return { file, path: entry.path, root: expectRoot, findings };
}

/** Size, digest and mode of a file as its entry would have them. Links are followed: the operator named it. */
export async function measure(file: string) {
  try {
    const fd = openSync(file, READ);
    try {
      const stat = fstatSync(fd, { bigint: true });
      if (!stat.isFile()) {
        throw new HoldfastError('UNREADABLE', `${quote(file)} is no regular file`, { path: file });
      }
      const [hash] = await hashFiles([{ fd, path: file, size: Number(stat.size) }]);
      return { size: hash!.size, sha256: hash!.sha256, mode: fileMode(stat) }; // one for one request
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw systemError('read', file, error);
  }
}

function readProof(path: string): Proof {
  const { bytes } = readRegularFile(path, { mostBytes: MAX_PROOF_BYTES, follow: true });
  try {
    return parseProof(bytes);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    throw new HoldfastError(error.code, `${quote(path)} is no proof: ${error.message}`, {
      path,
      cause: error,
      hint: 'holdfast prove FILE makes one',
    });
  }
}
