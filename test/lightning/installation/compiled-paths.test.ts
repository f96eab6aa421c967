import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compiledPaths } from '../../../src/lightning/installation/compiled-paths.ts';
import { tempDir } from '../../helpers/stand-in.ts';
import { elf, put, rodata } from './installed-tree.ts';

const MIB = 1 << 20;

describe('the paths in an image', () => {
  it.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])('are found in read-only segments first (64 bit: %s, little endian: %s)', (wide, little) => {
    const image = elf(
      [
        { flags: 5, content: rodata('/in/code') },
        { flags: 4, content: rodata('/opt/x/bin', '../libexec/c-lightning') },
        { flags: 6, content: rodata('/in/data') },
      ],
      { wide, little },
    );
    const [first, second] = compiledPaths(put(join(tempDir(), 'program'), image));
    expect(first).toEqual(['/opt/x/bin', '../libexec/c-lightning', '/usr/share/zoneinfo']);
    expect(second).toEqual(['/in/code', '/usr/share/zoneinfo', '/in/data']);
  });

  it('are found in a file that is no ELF, and in one that only begins like it', () => {
    const dir = tempDir();
    for (const head of ['#!/bin/sh\nexit 0\n\0', '\x7fELF'.padEnd(60, '\xff'), '\x7fELF\0']) {
      const path = put(join(dir, 'program'), Buffer.from(`${head}\0/a/path\0`, 'latin1'));
      expect([...compiledPaths(path)][0]).toEqual(['/a/path']);
    }
    expect([...compiledPaths(put(join(dir, 'empty'), ''))]).toEqual([[]]);
  });

  it('must begin after a NUL, end with one, and be a path', () => {
    const content = 'x/not/this\0/\0/bad\x01\0/caf\xe9\0//%s/fine\0/unended';
    const path = put(join(tempDir(), 'program'), Buffer.from(content, 'latin1'));
    expect([...compiledPaths(path)]).toEqual([['//%s/fine']]);
  });

  it('are found wherever the boundary between two chunks falls', () => {
    const dir = tempDir();
    for (let shift = -12; shift <= 2; shift++) {
      const path = join(dir, 'program');
      const image = Buffer.alloc(2 * MIB + 4096, 1);
      image.write('\0/opt/cln/bin\0', MIB + shift, 'latin1');
      image.write('\0/opt/cln/lib\0', 2 * MIB + shift, 'latin1');
      writeFileSync(path, image);
      expect([...compiledPaths(path)], String(shift)).toEqual([['/opt/cln/bin', '/opt/cln/lib']]);
    }
  });

  it('of a file that cannot be read are an error that names it', () => {
    expect(() => [...compiledPaths('/')]).toThrow(expect.objectContaining({ code: 'UNREADABLE', path: '/' }));
  });
});
