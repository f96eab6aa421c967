import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OpenSsl, openssl } from '../../src/linux/openssl.ts';

let top: string;
let ssl: OpenSsl;
beforeEach(ctx => {
  top = mkdtempSync(join(tmpdir(), 'holdfast-openssl-'));
  const had = openssl();
  if (had === undefined) ctx.skip('this Node does not export its OpenSSL');
  else ssl = had;
});
afterEach(() => rmSync(top, { recursive: true }));

describe('openssl', () => {
  it('hashes bytes in memory, also none', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('abc')])
      expect(ssl.sha256(bytes)).toEqual(createHash('sha256').update(bytes).digest());
  });

  it('reads a descriptor piece by piece, says 0 at its end, and gives the digest of it all', async () => {
    const path = join(top, 'f');
    writeFileSync(path, 'abcdefgh');
    const fd = openSync(path, 'r');
    const buffer = Buffer.alloc(5);
    const digest = ssl.digestOf(fd);
    const sizes = [await digest.read(buffer, 5), await digest.read(buffer, 5), await digest.read(buffer, 5)];
    expect(sizes).toEqual([5, 3, 0]);
    expect(buffer.toString()).toBe('fghde');
    expect(digest.digest()).toEqual(createHash('sha256').update('abcdefgh').digest());
    digest.free();
    closeSync(fd); // still open: it is its owner's
  });

  it("a read that fails throws read(2)'s error", async () => {
    const fd = openSync(top, 'r');
    const digest = ssl.digestOf(fd);
    await expect(digest.read(Buffer.alloc(5), 5)).rejects.toMatchObject({ code: 'EISDIR', syscall: 'read' });
    digest.free();
    closeSync(fd);
  });
});
