/**
 * Who computes SHA-256: OpenSSL through koffi, or node:crypto where that cannot be had.
 * node:crypto is only loaded then: it costs 10 ms (measured), more than a launch has to spare.
 */
import { read } from 'node:fs';
import { type DescriptorDigest, openssl } from '../../linux/openssl.ts';

/** A source of digests. */
export interface Digests {
  /** Memory of this size to read into, as suits it best; not zeroed. */
  buffer(size: number): Buffer;
  /** The digest of bytes in memory, 32 bytes. */
  sha256(bytes: Uint8Array): Buffer;
  /** A digest that reads its bytes from a descriptor itself. */
  digestOf(fd: number): DescriptorDigest;
}

/** The quickest that this Node has. */
export function digests(): Digests {
  return openssl() ?? nodeDigests();
}

/** By node:crypto: it reads on libuv's threads, and hashes on this one. */
export function nodeDigests(): Digests {
  const crypto = process.getBuiltinModule('node:crypto');
  return {
    buffer: Buffer.allocUnsafeSlow,
    sha256: bytes => crypto.createHash('sha256').update(bytes).digest(),
    digestOf(fd) {
      const hash = crypto.createHash('sha256');
      return {
        async read(buffer, length) {
          const size = await readFrom(fd, buffer, length);
          hash.update(buffer.subarray(0, size));
          return size;
        },
        digest: () => hash.digest(),
        free: () => undefined, // the garbage collector's
      };
    },
  };
}

/** SHA-256 of several pieces of bytes on end: for small things, a manifest's leaves and nodes. */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  return digests().sha256(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
}

function readFrom(fd: number, buffer: Buffer, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, length, null, (error, size) => (error ? reject(error) : resolve(size)));
  });
}
