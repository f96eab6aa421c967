/** What this machine knows of a library that is not to be found, without asking the network. Only looks. */
import { type BriefLimits, runBriefly } from '../process/brief-program.ts';

/** Where a library was, or should be. */
export interface LibraryOwner {
  /** Debian's package that has it, by dpkg(1)'s lists of what is installed */
  readonly package: string | undefined;
  /** where the loader's cache has it, ldconfig(8) */
  readonly cachedAt: string | undefined;
}

const LIMITS: BriefLimits = { ms: 3_000, bytes: 1 << 20 };
const ENVIRONMENT = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C'];

/** Looks; what a program that is not there would say is not known. @throws SyscallError where no pipe can be had */
export async function ownerOfLibrary(name: string): Promise<LibraryOwner> {
  const escaped = name.replace(/[\\*?[\]]/g, '\\$&'); // dpkg-query(1): -S takes a pattern of the shell's
  const [dpkg, cache] = await Promise.all([
    say('/usr/bin/dpkg-query', ['-S', `*/${escaped}`]),
    say('/sbin/ldconfig', ['-p']),
  ]);
  const [line = ''] = dpkg.split('\n').filter(each => each.endsWith(`/${name}`));
  const cached = cache.split('\n').find(each => each.trimStart().startsWith(`${name} (`));
  return { package: /^([^:,\s]+)/.exec(line)?.[1], cachedAt: / => (\/.*)$/.exec(cached ?? '')?.[1] };
}

async function say(path: string, args: readonly string[]): Promise<string> {
  const { end, status, output } = await runBriefly(path, args, ENVIRONMENT, LIMITS);
  return end === 'exited' && status === 0 ? output.toString() : '';
}
