/** What is said of a snapshot that was taken. Only looks; what is seldom needed is loaded then. */
import { quote, visible } from '../../errors.ts';
import { isScript } from '../../linux/script.ts';
import type { Method } from '../../snapshot/record/placement.ts';
import { isHeldLibrary } from '../../snapshot/store/layout.ts';
import type { Taken } from '../../snapshot/take/terms.ts';
import type { Context } from '../context.ts';

/** What the operator should know of a snapshot that is used, and what a new one has lost. */
export async function tell(taken: Taken, method: Method, context: Context): Promise<void> {
  const { record, warnings, reused } = taken;
  for (const line of warnings) context.warn(line);
  const program = taken.directory.at(record.program);
  if (isScript(program)) {
    const other = (await import('../../lightning/installation/wrapper.ts')).executesAnother(program);
    if (other !== undefined) {
      context.warn(
        `${quote(record.lightningd)} is a script that executes ${quote(other)}: what that starts is not protected; name it in the script's place`,
      );
    }
  }
  if (!reused && record.archiveIs === undefined) {
    for (const line of (await import('./lost-by-copy.ts')).lostByCopy(record)) context.warn(line);
  }
  const silent = record.answers?.filter(({ says }) => says === undefined) ?? [];
  if (silent.length > 0) {
    context.detail(
      `of unknown version, as nothing in them tells: ${silent.map(({ path }) => path).join(', ')}`,
    );
  }
  if (!reused) {
    for (const { path, placement, source } of record.files) {
      // what an archive was unpacked to is gone by now
      const of = record.archiveIs === undefined ? ` of ${quote(source)}` : ' of what the archive has';
      context.detail(`${visible(path)}: ${placement}${of}`);
    }
  }
  if (method === 'auto' || method === 'pin') return;
  // a forced method is so for the installation; libraries follow as well as they can (placement.ts)
  const others = record.files.filter(({ path, placement }) => isHeldLibrary(path) && placement !== method);
  for (const { source, placement } of others)
    context.detail(`a library cannot be had by ${method}: ${quote(source)} by ${placement}`);
}
