/**
 * SHA-256 by the OpenSSL that the node binary carries and exports, called through koffi: the one way to hash
 * on libuv's threads without a copy of every byte, and it spares loading node:crypto (10 ms, measured).
 * A filter BIO for the digest over one for the descriptor makes read(2) and the hashing one call, one hop between threads.
 * Never closes a descriptor that it was given, and never leaves a call in flight that its caller did not wait for.
 * Calls: BIO_f_md(3), BIO_s_fd(3), BIO_should_retry(3), SHA256(3).
 */
import { readSync } from 'node:fs';
import { HoldfastError } from '../errors.ts';
import { alignedBuffer, type CFunction, libc } from './libc.ts';

/** What koffi's functions have besides being callable: the same call on one of libuv's threads. */
type AsyncCFunction = CFunction & {
  async(...args: [...unknown[], (error: Error | null, result: number) => void]): void;
};

/** The digest of a descriptor's bytes, from its position on. */
export interface DescriptorDigest {
  /**
   * Reads up to `length` bytes to the start of `buffer` and hashes them. 0 at the end of the file.
   * The buffer and the descriptor must stay as they are until the promise settles.
   * @throws the error of read(2)
   */
  read(buffer: Buffer, length: number): Promise<number>;
  /** The digest of all that was read, 32 bytes. */
  digest(): Buffer;
  /** Gives back OpenSSL's memory; nothing may be in flight. */
  free(): void;
}

/** SHA-256 by OpenSSL. */
export interface OpenSsl {
  buffer(size: number): Buffer;
  sha256(bytes: Uint8Array): Buffer;
  digestOf(fd: number): DescriptorDigest;
}

const BIO_C_SET_MD = 111; // openssl/bio.h
const BIO_NOCLOSE = 0;
const BIO_FLAGS_SHOULD_RETRY = 0x08;
const SHA256_BYTES = 32;

let bound: OpenSsl | undefined | null = null;

/** OpenSSL, or undefined where koffi has no binary, or this Node does not export the functions. */
export function openssl(): OpenSsl | undefined {
  if (bound === null) bound = bind();
  return bound;
}

function bind(): OpenSsl | undefined {
  let calls: ReturnType<typeof bindCalls>;
  try {
    calls = bindCalls();
  } catch {
    return undefined; // a Node built with hidden symbols or without OpenSSL: node:crypto does the same, more slowly
  }
  const { sha256, md, bioNew, bioNewFd, bioPush, bioCtrl } = calls;
  return {
    buffer: alignedBuffer,
    sha256(bytes) {
      const digest = Buffer.allocUnsafe(SHA256_BYTES);
      sha256(bytes, bytes.length, digest);
      return digest;
    },
    digestOf(fd) {
      const bio = present(bioNew(calls.filter));
      try {
        if (bioCtrl(bio, BIO_C_SET_MD, 0, md) !== 1)
          throw new HoldfastError('UNSUPPORTED', 'OpenSSL cannot start SHA-256');
        bioPush(bio, present(bioNewFd(fd, BIO_NOCLOSE)));
      } catch (error) {
        calls.bioFreeAll(bio);
        throw error;
      }
      return descriptorDigest(calls, bio, fd);
    },
  };
}

function bindCalls() {
  return {
    sha256: libc('void *SHA256(const void *data, size_t size, void *digest)'),
    md: present(libc('void *EVP_sha256()')()),
    filter: present(libc('void *BIO_f_md()')()),
    bioNew: libc('void *BIO_new(void *method)'),
    bioNewFd: libc('void *BIO_new_fd(int fd, int close)'),
    bioPush: libc('void *BIO_push(void *bio, void *next)'),
    bioCtrl: libc('long BIO_ctrl(void *bio, int command, long number, void *pointer)'),
    bioTestFlags: libc('int BIO_test_flags(void *bio, int flags)'),
    bioGets: libc('int BIO_gets(void *bio, void *data, int size)'),
    bioRead: libc('int BIO_read(void *bio, void *data, int size)') as AsyncCFunction,
    bioFreeAll: libc('void BIO_free_all(void *bio)'),
  };
}

function descriptorDigest(
  { bioRead, bioTestFlags, bioGets, bioFreeAll }: ReturnType<typeof bindCalls>,
  bio: unknown,
  fd: number,
): DescriptorDigest {
  function readOnce(buffer: Buffer, length: number): Promise<number> {
    return new Promise((resolve, reject) => {
      bioRead.async(bio, buffer, length, (error, size) => (error ? reject(error) : resolve(size)));
    });
  }
  return {
    async read(buffer, length) {
      for (;;) {
        const size = await readOnce(buffer, length);
        if (size >= 0) return size;
        if (bioTestFlags(bio, BIO_FLAGS_SHOULD_RETRY) === 0) throw readError(fd, buffer, length); // otherwise EINTR
      }
    },
    digest() {
      const digest = Buffer.allocUnsafe(SHA256_BYTES);
      if (bioGets(bio, digest, SHA256_BYTES) !== SHA256_BYTES)
        throw new HoldfastError('UNSUPPORTED', 'OpenSSL gave no digest');
      return digest;
    },
    free() {
      bioFreeAll(bio);
    },
  };
}

/** errno stays with the thread that failed: the same read is tried here for the reason. */
function readError(fd: number, buffer: Buffer, length: number): Error {
  try {
    readSync(fd, buffer, 0, length, null);
  } catch (error) {
    return error as Error;
  }
  return Object.assign(new Error('EIO: read failed once'), { code: 'EIO', syscall: 'read' });
}

/** koffi answers a null pointer with null: OpenSSL is out of memory. */
function present(pointer: unknown): unknown {
  if (pointer === null) throw new HoldfastError('SYSTEM', 'OpenSSL is out of memory');
  return pointer;
}
