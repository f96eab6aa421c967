/** The gate's refusal of programs that cannot be loaded: which program, which library, and who would have it. */
import { HoldfastError, quote } from '../../errors.ts';
import { type LibraryOwner, ownerOfLibrary } from '../../linux/loader/library-owner.ts';
import type { BrokenProgram } from './find.ts';

/** How many lines of a table an operator reads. */
const MOST_LINES = 40;

/** How many libraries are looked up. */
const MOST_LOOKUPS = 10;

const owners = new Map<string, Promise<LibraryOwner>>();

/** Words it. @param broken one at least */
export async function refuseBroken(broken: readonly BrokenProgram[]): Promise<HoldfastError> {
  const names = [...new Set(broken.map(({ library }) => library))];
  const known = await Promise.all(names.slice(0, MOST_LOOKUPS).map(lookUp));
  const width = Math.max(...broken.slice(0, MOST_LINES).map(({ program }) => program.length));
  const count = new Set(broken.map(({ program }) => program)).size;
  const programs = count === 1 ? 'a program' : `${count} programs`;
  return new HoldfastError(
    'GATE',
    `${programs} cannot be loaded: ${names.map(quote).join(', ')} cannot be had`,
    {
      path: broken[0]?.program,
      details: [
        ...broken
          .slice(0, MOST_LINES)
          .map(({ program, library, reason }) => `${program.padEnd(width)}  ${library}: ${reason}`),
        ...known.flatMap((owner, index) => describe(names[index] ?? '', owner)),
      ],
      hint: [
        'install what is missing, or wait until the upgrade is complete; then try again',
        'a library in a directory of its own is found by LD_LIBRARY_PATH; --no-gate takes the installation as it is',
      ],
    },
  );
}

/** Asked once for each: an upgrade is looked at several times a second. */
function lookUp(name: string): Promise<LibraryOwner> {
  const known = owners.get(name) ?? ownerOfLibrary(name);
  owners.set(name, known);
  return known;
}

function describe(name: string, owner: LibraryOwner): string[] {
  return [
    ...(owner.package === undefined ? [] : [`${name} belongs to the Debian package ${owner.package}`]),
    ...(owner.cachedAt === undefined
      ? []
      : [`${name} was at ${quote(owner.cachedAt)} when ldconfig last ran`]),
  ];
}
