/** ioctl_ficlone(2): share the blocks of one file with another, copy-on-write. */
import { call } from './libc.ts';

/** `_IOW(0x94, 9, int)` of linux/fs.h, as on every architecture but alpha, mips, powerpc and sparc. */
const FICLONE = ['ppc64', 'mips', 'mipsel'].includes(process.arch) ? 0x80049409 : 0x40049409;

/** Makes `to`, open for writing, share all blocks of `from`. @throws SyscallError (EOPNOTSUPP, EXDEV, …) */
export function cloneFile(from: number, to: number): void {
  call('int ioctl(int fd, unsigned long request, int argument)', to, FICLONE, from);
}
