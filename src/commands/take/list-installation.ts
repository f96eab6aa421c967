/** A look at the installation before anything is made of it. Only reads. */

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, HoldfastError, quote } from '../../errors.ts';
import { listContents, type SourceFile } from '../../lightning/installation/contents.ts';
import { findInstallation } from '../../lightning/installation/installation.ts';
import { programsNamedBy } from '../../lightning/installation/named.ts';
import { belongs, isSpare } from '../../lightning/installation/versions.ts';
import { nowNs } from '../../linux/time.ts';
import type { Listing, Unsettled } from '../../snapshot/take/source.ts';
import { lookForUpgrade } from './gate.ts';

/** Lists the files of an installation, unless it shows traces of an upgrade. @throws HoldfastError, see listContents */
export function listInstallation(lightningd: string, apart: readonly string[]): Listing | Unsettled {
  const installation = findInstallation(lightningd);
  const contents = listContents(installation, apart);
  const look = lookForUpgrade(installation, contents, nowNs());
  if ('unsettled' in look) return look;
  const { directories, links } = contents;
  const { lightningd: program, prefix } = installation;
  const named = programsNamedBy(join(prefix, program));
  const isForeign = (path: string): boolean => !belongs(path, named);
  const closed = contents.files.filter(file => isSpare(file.path, named) && !isReadable(file));
  const files = closed.length === 0 ? contents.files : contents.files.filter(file => !closed.includes(file));
  const left = closed.map(
    ({ source }) => `cannot read ${quote(source)}: permission denied (EACCES); it is not in the snapshot`,
  );
  return { program, files, directories, links, warnings: [...left, ...look.warnings], isForeign };
}

/** What lies among the plugins and is none of lightningd's may be another user's; lightning-hsmtool may be root's alone. */
function isReadable({ source, stat }: SourceFile): boolean {
  if ((stat.mode & 0o444n) === 0o444n) return true;
  try {
    accessSync(source, constants.R_OK);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'EACCES'; // any other failure is for whoever reads it to say
  }
}

/** What a new snapshot takes when every file is copied; an installation that changes just now is for the gate. */
export function neededBytes(lightningd: string, apart: readonly string[]): bigint {
  try {
    return listContents(findInstallation(lightningd), apart).files.reduce(
      (sum, { stat }) => sum + stat.size,
      0n,
    );
  } catch (error) {
    if (error instanceof HoldfastError) return 0n;
    throw error;
  }
}
