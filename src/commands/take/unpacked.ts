/** From an archive to the listing of the installation in it. Whoever gives the directory removes it. */
import { closeSync, mkdtempSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type Archive, openArchive } from '../../archive/open.ts';
import { unpack } from '../../archive/unpack.ts';
import { HoldfastError, quote, systemError } from '../../errors.ts';
import { listContents } from '../../lightning/installation/contents.ts';
import { findInstallation, type Installation } from '../../lightning/installation/installation.ts';
import { Directory } from '../../linux/files/directory.ts';
import { isBelow } from '../../linux/files/path.ts';
import { removeTree } from '../../snapshot/store/remove-tree.ts';
import type { Listing } from '../../snapshot/take/source.ts';
import { withCleanup } from '../cleanup.ts';
import type { Context } from '../context.ts';

/** Directories that hold lightningd: where it is installed, and where it is built. */
const HOMES: ReadonlySet<string> = new Set(['bin', 'lightningd']);

/**
 * Unpacks the archive and lists the installation in it.
 * @throws HoldfastError `ARCHIVE`, `NOT_AN_INSTALLATION`, `UNSUPPORTED`, `SYSTEM`
 */
export async function unpackInstallation(
  archive: Archive,
  into: Directory,
  context: Context,
): Promise<Listing> {
  const paths = await unpack(archive, into, context.environment);
  const top = realpathSync(into.path);
  try {
    const installation = findInstallation(join(top, lightningdIn(paths, archive)));
    checkWithin(installation, top, archive);
    return { program: installation.lightningd, ...listContents(installation) };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    // the operator knows the archive, not the directory that is gone when he reads this
    const { code, message, details, hints } = error;
    const worded = code === 'BAD_SOURCE' ? 'ARCHIVE' : code;
    throw new HoldfastError(worded, `${quote(archive.named)}: ${message.replaceAll(`${top}/`, '')}`, {
      path: archive.named,
      details,
      hint: hints,
      cause: error,
    });
  }
}

/**
 * Unpacks the archive to a temporary directory, and removes that again whatever happens.
 * @throws HoldfastError, see unpackInstallation; and what `use` throws
 */
export async function withUnpacked<T>(
  path: string,
  context: Context,
  use: (listing: Listing) => Promise<T>,
): Promise<T> {
  const archive = openArchive(path);
  const parent = Directory.open(realpathSync(context.environment.TMPDIR ?? '/tmp'));
  const made = makeTemporary(parent);
  const directory = parent.enter(basename(made));
  const remove = (): void => {
    const left = removeTree(parent, basename(made));
    if (left !== undefined) context.warn(`${quote(made)} is left behind: ${left.message}`);
  };
  try {
    return await withCleanup(context.pid, remove, async () =>
      use(await unpackInstallation(archive, directory, context)),
    );
  } finally {
    directory.close();
    parent.close();
    closeSync(archive.fd);
  }
}

function makeTemporary(parent: Directory): string {
  try {
    return mkdtempSync(`${parent.path}/holdfast-`);
  } catch (error) {
    throw systemError('make a temporary directory in', parent.path, error, {
      hint: 'name a directory with room for the unpacked archive: TMPDIR=DIR holdfast root …',
    });
  }
}

/** The one lightningd among the members. @throws HoldfastError `NOT_AN_INSTALLATION` */
function lightningdIn(paths: readonly string[], { named }: Archive): string {
  const inHomes = paths.filter(path => HOMES.has(basename(dirname(path))));
  const exact = inHomes.filter(path => basename(path) === 'lightningd');
  // an installation may have its lightningd under a longer name, with a link to it
  const found = exact.length > 0 ? exact : inHomes.filter(path => basename(path).startsWith('lightningd'));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const what = first === undefined ? 'no bin/lightningd' : `several: ${found.map(quote).join(', ')}`;
  throw new HoldfastError('NOT_AN_INSTALLATION', `there is ${what} in ${quote(named)}`, {
    path: named,
    hint: 'name a release archive of Core Lightning: built for this machine, and no source code',
  });
}

/** lightningd itself says where its subdaemons are, and may say that they are elsewhere on this machine. */
function checkWithin({ prefix, trees }: Installation, top: string, { named }: Archive): void {
  if (isBelow(prefix, top) && trees.every(tree => isBelow(join(prefix, tree), top))) return;
  throw new HoldfastError(
    'NOT_AN_INSTALLATION',
    `${quote(named)} does not hold the subdaemons of its lightningd`,
    {
      path: named,
      hint: `its lightningd looks for them in ${trees.map(tree => quote(join(prefix, tree))).join(', ')}`,
    },
  );
}
