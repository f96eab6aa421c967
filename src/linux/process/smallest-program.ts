/**
 * A program that only ends with status 0, as bytes: 64-bit ELF (elf(5)), static, no interpreter, so that executing it
 * asks nothing of any other file. One segment, read and execute, and a PT_GNU_STACK without execute: nothing in it is
 * both writable and executable, so it also runs under MemoryDenyWriteExecute. Pure.
 */

interface Machine {
  /** e_machine */
  readonly machine: number;
  /** exit(0), as machine code */
  readonly code: readonly number[];
}

/** By `process.arch`. All of them little endian. */
const MACHINES: Readonly<Record<string, Machine>> = {
  x64: {
    machine: 62, // EM_X86_64
    code: [
      ...[0x31, 0xff], // xor edi, edi
      ...[0xb8, 0x3c, 0, 0, 0], // mov eax, 60: exit
      ...[0x0f, 0x05], // syscall
    ],
  },
  arm64: {
    machine: 183, // EM_AARCH64
    code: [
      ...[0x00, 0x00, 0x80, 0xd2], // mov x0, #0
      ...[0xa8, 0x0b, 0x80, 0xd2], // mov x8, #93: exit
      ...[0x01, 0x00, 0x00, 0xd4], // svc #0
    ],
  },
};

const EHDR_SIZE = 64;
const PHDR_SIZE = 56;
const CODE_AT = EHDR_SIZE + 2 * PHDR_SIZE;
/** Where the segment lies in memory: above any vm.mmap_min_addr, aligned for pages of 64 KiB. */
const ADDRESS = 0x40_0000;
const PAGE = 0x1_0000n;

/** The program for this architecture (as in `process.arch`); undefined where we have none. */
export function smallestProgram(arch: string): Buffer | undefined {
  const target = MACHINES[arch];
  if (target === undefined) return undefined;
  const size = CODE_AT + target.code.length;
  const image = Buffer.alloc(size);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, ELFCLASS64, ELFDATA2LSB, EV_CURRENT
  image.writeUInt16LE(2, 16); // e_type: ET_EXEC
  image.writeUInt16LE(target.machine, 18);
  image.writeUInt32LE(1, 20); // e_version
  image.writeBigUInt64LE(BigInt(ADDRESS + CODE_AT), 24); // e_entry
  image.writeBigUInt64LE(BigInt(EHDR_SIZE), 32); // e_phoff
  image.writeUInt16LE(EHDR_SIZE, 52);
  image.writeUInt16LE(PHDR_SIZE, 54);
  image.writeUInt16LE(2, 56); // e_phnum
  writeSegment(image, EHDR_SIZE, { type: 1, flags: 5, address: BigInt(ADDRESS), size: BigInt(size) }); // PT_LOAD, R+X
  writeSegment(image, EHDR_SIZE + PHDR_SIZE, { type: 0x6474e551, flags: 6, address: 0n, size: 0n }); // PT_GNU_STACK, R+W
  image.set(target.code, CODE_AT);
  return image;
}

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly size: bigint;
}

/** An Elf64_Phdr of a segment that begins where the file begins. */
function writeSegment(image: Buffer, at: number, { type, flags, address, size }: Segment): void {
  image.writeUInt32LE(type, at);
  image.writeUInt32LE(flags, at + 4);
  image.writeBigUInt64LE(address, at + 16); // p_vaddr
  image.writeBigUInt64LE(address, at + 24); // p_paddr
  image.writeBigUInt64LE(size, at + 32); // p_filesz
  image.writeBigUInt64LE(size, at + 40); // p_memsz
  image.writeBigUInt64LE(address === 0n ? 0x10n : PAGE, at + 48); // p_align
}
