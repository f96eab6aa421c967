/** memfd_create(2): a file that has no name and lives as long as a descriptor for it. */
import { writeSync } from 'node:fs';
import { errnoOf } from '../../errors.ts';
import { call } from '../libc.ts';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Since Linux 6.3, and asked for by vm.memfd_noexec there; older kernels say EINVAL */
const MFD_NOEXEC_SEAL = 8;

const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
const ALL_SEALS = 1 | 2 | 4 | 8;

/**
 * A file with this content that nobody can change, its holder included.
 * @param name /proc/PID/fd shows it as `/memfd:<name> (deleted)`
 * @returns a descriptor, close-on-exec @throws SyscallError
 */
export function sealedFile(name: string, content: string): number {
  const fd = create(name);
  for (let rest = Buffer.from(content); rest.length > 0; ) rest = rest.subarray(writeSync(fd, rest));
  call('int fcntl(int fd, int command, int argument)', fd, F_ADD_SEALS, ALL_SEALS);
  return fd;
}

/**
 * An empty one that a program may write to; close-on-exec. @throws SyscallError
 * @param name see sealedFile
 */
export function memoryFile(name: string): number {
  return create(name);
}

function create(name: string): number {
  const prototype = 'int memfd_create(const char *name, unsigned int flags)';
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  try {
    return call(prototype, name, flags | MFD_NOEXEC_SEAL);
  } catch (error) {
    if (errnoOf(error) !== 'EINVAL') throw error;
    return call(prototype, name, flags);
  }
}
