import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digests, nodeDigests, sha256 } from '../../../src/snapshot/hash/digest.ts';

describe('sha256', () => {
  it('is the digest of the pieces on end (FIPS 180-4, the two-block message)', () => {
    const pieces = ['abcdbcdecdefdefgefghfghighij', 'hijkijkljklmklmnlmnomnopnopq'].map(text =>
      Buffer.from(text),
    );
    expect(Buffer.from(sha256(...pieces)).toString('hex')).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
  });

  it('is the digest of nothing for no pieces', () => {
    expect(Buffer.from(sha256()).toString('hex')).toBe(createHash('sha256').digest('hex'));
  });
});

describe('digests', () => {
  it('agree with node:crypto, whoever computes them', () => {
    const bytes = Buffer.alloc(100_000, 'holdfast');
    expect(digests().sha256(bytes)).toEqual(nodeDigests().sha256(bytes));
  });
});
