/** The headers of images: the C stand-in's programs, as a compiler made them, whole and cut short. */
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readElf, sizeByHeaders } from '../../src/linux/elf.ts';
import { makeCInstallation, noCompiler, tempDir } from '../helpers/stand-in.ts';

function read(path: string) {
  const fd = openSync(path, 'r');
  try {
    const elf = readElf(fd);
    return elf && { ...elf, saysSize: sizeByHeaders(fd) };
  } finally {
    closeSync(fd);
  }
}

/** The text of the parts that are constants. */
function constantsOf(path: string): string {
  const bytes = readFileSync(path);
  const parts = read(path)?.constants ?? [];
  return parts.map(({ offset, length }) => bytes.toString('latin1', offset, offset + length)).join('\0');
}

test('a program says its loader, its constants, and a size that it has', ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
  const { lightningd } = makeCInstallation(tempDir(), 'v25.12');
  const elf = read(lightningd);
  expect(elf).toMatchObject({ isLoadable: true, interpreter: expect.stringMatching(/^\/.*ld.*\.so/) });
  expect(elf?.saysSize).toBeLessThanOrEqual(statSync(lightningd).size);
  expect(constantsOf(lightningd)).toContain('\0v25.12\0');
  writeFileSync(lightningd, Buffer.concat([readFileSync(lightningd), Buffer.from('\0v24.08\0')]));
  expect(constantsOf(lightningd)).not.toContain('v24.08'); // what is not loaded is no constant
});

test('wherever an image is cut, its headers say that it was longer', ctx => {
  const reason = noCompiler();
  if (reason !== undefined) ctx.skip(reason);
  const { lightningd } = makeCInstallation(tempDir(), 'v25.12');
  const whole = readFileSync(lightningd);
  const cut = join(tempDir(), 'cut');
  writeFileSync(cut, whole);
  for (let size = whole.length - 1; size >= 4; size -= 97) {
    truncateSync(cut, size);
    expect(read(cut)?.saysSize, `cut to ${size} of ${whole.length}`).toBeGreaterThan(size);
  }
});

test('a file that is no ELF is none, an object file is no program', () => {
  const path = join(tempDir(), 'file');
  writeFileSync(path, '#!/bin/sh\n');
  expect(read(path)).toBeUndefined();
  const object = Buffer.alloc(64);
  object.write('\x7fELF\x02\x01\x01', 'latin1');
  object[0x10] = 1;
  writeFileSync(path, object);
  expect(read(path)).toMatchObject({
    isLoadable: false,
    interpreter: undefined,
    constants: [],
    saysSize: 64,
  });
});
