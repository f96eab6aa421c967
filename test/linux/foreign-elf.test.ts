/** Images of other processors: 32-bit ones and big-endian ones, made by hand and by cross compilers. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadedRanges, readElf, sizeByHeaders } from '../../src/linux/elf.ts';
import { readDynamic } from '../../src/linux/loader/dynamic.ts';
import { tempDir } from '../helpers/stand-in.ts';

function read(path: string) {
  const fd = openSync(path, 'r');
  try {
    return { ...readElf(fd), ...readDynamic(fd), saysSize: sizeByHeaders(fd), ranges: loadedRanges(fd) };
  } finally {
    closeSync(fd);
  }
}

const LOADER = '/lib/ld-linux-armhf.so.3';
const STRINGS = '\0libfirst.so.1\0/opt/lib:$ORIGIN\0';
const ADDRESS = 0x1_0000;

/** Widths of an image's words, and its byte order. */
interface Kind {
  readonly wide: boolean;
  readonly little: boolean;
}

/**
 * A program as elf(5) has it: header, three segments (all of it, its loader, its dynamic section), the loader's name, strings,
 * the dynamic section; no sections.
 */
function makeImage({ wide, little }: Kind): Buffer {
  const word = (value: number, bytes: number) => {
    const buffer = Buffer.alloc(bytes);
    if (little) buffer.writeUIntLE(value, 0, Math.min(bytes, 6));
    else buffer.writeUIntBE(value, Math.max(0, bytes - 6), Math.min(bytes, 6));
    return buffer;
  };
  const long = (value: number) => word(value, wide ? 8 : 4);
  const [header, entry] = wide ? [64, 56] : [52, 32];
  const named = header + 3 * entry;
  const strings = named + LOADER.length + 1;
  const section = strings + STRINGS.length;
  const dynamic = [
    [1, 1], // DT_NEEDED: libfirst.so.1
    [29, STRINGS.indexOf('/opt')], // DT_RUNPATH
    [5, ADDRESS + strings], // DT_STRTAB
    [10, STRINGS.length], // DT_STRSZ
    [0, 0],
  ].flatMap(([tag = 0, value = 0]) => [long(tag), long(value)]);
  const size = section + Buffer.concat(dynamic).length;
  /** An Elf32_Phdr or Elf64_Phdr: p_flags is elsewhere in each. */
  const segment = (type: number, flags: number, offset: number, length: number) => [
    word(type, 4),
    ...(wide ? [word(flags, 4)] : []),
    ...[offset, ADDRESS + offset, ADDRESS + offset, length, length].map(long),
    ...(wide ? [] : [word(flags, 4)]),
    long(4),
  ];
  return Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ...[word(2, 2), word(40, 2), word(1, 4)], // e_type, e_machine, e_version
    ...[0, header, 0].map(long), // e_entry, e_phoff, e_shoff
    word(0, 4), // e_flags
    ...[header, entry, 3, 0, 0, 0].map(value => word(value, 2)),
    ...segment(1, 5, 0, size), // PT_LOAD
    ...segment(3, 4, named, LOADER.length + 1), // PT_INTERP
    ...segment(2, 6, section, size - section), // PT_DYNAMIC
    Buffer.from(`${LOADER}\0${STRINGS}`),
    ...dynamic,
  ]);
}

test.each([
  ['32 bits, little-endian (arm, ia32)', { wide: false, little: true }],
  ['32 bits, big-endian', { wide: false, little: false }],
  ['64 bits, little-endian', { wide: true, little: true }],
  ['64 bits, big-endian', { wide: true, little: false }],
])('an image of %s says its loader, its libraries and its size', (_name, kind) => {
  const image = makeImage(kind);
  const path = join(tempDir(), 'program');
  writeFileSync(path, image);
  const whole = { offset: 0, length: image.length };
  expect(read(path)).toMatchObject({
    isLoadable: true,
    interpreter: LOADER,
    needed: ['libfirst.so.1'],
    rpath: [],
    runpath: ['/opt/lib', '$ORIGIN'],
    constants: [whole],
    saysSize: image.length,
    ranges: [[], [whole], [whole]],
  });
  truncateSync(path, image.length - 1);
  expect(read(path).saysSize).toBe(image.length);
});

test.for([
  ['arm-linux-gnueabihf-gcc', 'gcc-arm-linux-gnueabihf', '/lib/ld-linux-armhf.so.3'],
  ['aarch64-linux-gnu-gcc', 'gcc-aarch64-linux-gnu', '/lib/ld-linux-aarch64.so.1'],
])('%s: what it makes is read as what it is', ([compiler = '', debian, interpreter], ctx) => {
  const dir = tempDir();
  const made = (source: string, ...words: string[]) =>
    spawnSync(compiler, ['-x', 'c', '-', ...words], { cwd: dir, input: source, encoding: 'utf8' });
  const library = made(
    'int one(void) { return 1; }',
    '-shared',
    '-fPIC',
    '-Wl,-soname,libone.so.1',
    '-o',
    'libone.so.1',
  );
  if (library.error !== undefined) ctx.skip(`no ${compiler} (package ${debian})`);
  const path = join(dir, 'program');
  const source = 'int one(void); const char text[] = "v25.12"; int main(void) { return one() + text[0]; }';
  const linked = [
    '-x',
    'none',
    'libone.so.1',
    '-Wl,-rpath,$ORIGIN/../lib',
    '-Wl,--enable-new-dtags',
    '-o',
    path,
  ];
  expect(made(source, ...linked)).toMatchObject({ status: 0 });
  const { size } = statSync(path);
  const image = read(path);
  expect(image).toMatchObject({
    isLoadable: true,
    interpreter,
    needed: ['libone.so.1', 'libc.so.6'],
    runpath: ['$ORIGIN/../lib'],
  });
  expect(image.saysSize).toBeLessThanOrEqual(size);
  expect(read(join(dir, 'libone.so.1'))).toMatchObject({ interpreter: undefined, isLoadable: true });
  for (let cut = size - 1; cut >= 64; cut -= 97) {
    truncateSync(path, cut);
    expect(read(path).saysSize, `cut to ${cut} of ${size}`).toBeGreaterThan(cut);
  }
});
