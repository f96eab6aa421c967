/**
 * Part of the check `owners`: a hard link shares owner and mode with the installed file, so that what is changed here was
 * changed there. By the record; only looks.
 */
import { quote } from '../../errors.ts';
import { alteredFiles, wordAltered } from '../record/altered.ts';
import type { SnapshotRecord } from '../record/record.ts';
import type { Ledger } from './ledger.ts';

/** Reports each installed file that was changed through its link, and how to mend it. */
export function checkAltered(record: SnapshotRecord | undefined, ledger: Ledger): void {
  const altered = record === undefined ? [] : alteredFiles(record);
  const entries = new Map(record?.files.map(({ source, path }) => [source, path]));
  for (const { path, expected, found, throughLink } of altered) {
    if (!throughLink) {
      ledger.note(entries.get(path) ?? '.', `the installed ${quote(path)} is ${found}, not ${expected}`);
      continue;
    }
    const reason = `owner or mode of the installed ${quote(path)}, which it is a link to, was changed`;
    ledger.finding('owners', entries.get(path) ?? '.', reason, expected, found);
  }
  for (const hint of wordAltered(altered)?.hints ?? []) ledger.note('.', hint);
}
