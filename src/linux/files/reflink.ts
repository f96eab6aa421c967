/** ioctl_ficlone(2): share the blocks of one file with another, copy-on-write. */
import { call } from '../libc.ts';

/** `_IOW(0x94, 9, int)` of linux/fs.h, as on every machine that koffi is built for but ppc64. */
const FICLONE = process.arch === 'ppc64' ? 0x80049409 : 0x40049409;

/** Makes `to`, open for writing, share all blocks of `from`. @throws SyscallError (EOPNOTSUPP, EXDEV, …) */
export function cloneFile(from: number, to: number): void {
  call('int ioctl(int fd, unsigned long request, int argument)', to, FICLONE, from);
}
