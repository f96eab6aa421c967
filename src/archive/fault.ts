/** How an archive is refused: one wording, with the member's name. Pure. */
import { HoldfastError, quote } from '../errors.ts';

/** The error for an archive that breaks the rules; `member` is its name as the archive has it. */
export function refusal(archive: string, why: string, member?: string, cause?: unknown): HoldfastError {
  const what = member === undefined ? '' : `member ${quote(member)}: `;
  return new HoldfastError('ARCHIVE', `${quote(archive)} is refused: ${what}${why}`, {
    path: archive,
    cause,
    hint: 'nothing of it was kept: fetch the archive again, and check its signature',
  });
}

/** What a module that does not know the archive's name throws: its caller puts that in. */
export class Refused extends Error {
  readonly member: string | undefined;

  constructor(why: string, member?: string) {
    super(why);
    this.member = member;
  }
}
