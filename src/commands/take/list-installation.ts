/** A look at the installation before anything is made of it. Only reads. */

import { join } from 'node:path';
import { HoldfastError } from '../../errors.ts';
import { listContents } from '../../lightning/installation/contents.ts';
import { findInstallation } from '../../lightning/installation/installation.ts';
import { programsNamedBy } from '../../lightning/installation/named.ts';
import { belongs } from '../../lightning/installation/versions.ts';
import { nowNs } from '../../linux/time.ts';
import type { Listing, Unsettled } from '../../snapshot/take/source.ts';
import { lookForUpgrade } from './gate.ts';

/** Lists the files of an installation, unless it shows traces of an upgrade. @throws HoldfastError, see listContents */
export function listInstallation(lightningd: string, apart: readonly string[]): Listing | Unsettled {
  const installation = findInstallation(lightningd);
  const contents = listContents(installation, apart);
  const look = lookForUpgrade(installation, contents, nowNs());
  if ('unsettled' in look) return look;
  const { files, directories, links } = contents;
  const { lightningd: program, prefix } = installation;
  const isForeign = (path: string): boolean => !belongs(path, programsNamedBy(join(prefix, program)));
  return { program, files, directories, links, warnings: look.warnings, isForeign };
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
