/** PAX extended headers (POSIX.1-2024, pax, "pax Extended Header"), read strictly. Pure. */
import { Refused } from './fault.ts';

/** What an extended header says that is of any matter to us. */
export interface PaxRecords {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
}

/** The keywords that say where and what a member is. */
const KEYWORDS: ReadonlySet<string> = new Set(['path', 'linkpath', 'size']);

/**
 * Reads the records `LENGTH KEYWORD=VALUE\n`. Times, owners, comments and attributes are not taken over, so they are
 * not looked at; what would change where or what a member is, and is not understood here, is refused.
 * @param scope a global header speaks of all members to come: a name or size there has no honest use
 * @throws Refused
 */
export function readPax(body: Buffer, scope: 'global' | 'member'): PaxRecords {
  const found = new Map<string, string>();
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space === -1 ? '' : body.toString('latin1', at, space);
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,6}$/.test(digits) || end > body.length || end <= space + 2 || body[end - 1] !== 0x0a) {
      throw new Refused('a PAX header is damaged');
    }
    const record = body.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals < 1) throw new Refused('a PAX header is damaged');
    accept(record.slice(0, equals), record.slice(equals + 1), scope, found);
    at = end;
  }
  const [path, linkpath, size] = [found.get('path'), found.get('linkpath'), found.get('size')];
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkpath === undefined ? {} : { linkpath }),
    ...(size === undefined ? {} : { size: readSize(size) }),
  };
}

function accept(
  keyword: string,
  value: string,
  scope: 'global' | 'member',
  found: Map<string, string>,
): void {
  if (keyword.startsWith('GNU.sparse.') || keyword === 'SCHILY.realsize') {
    throw new Refused('it is a sparse file', found.get('path'));
  }
  if (keyword === 'hdrcharset' || keyword === 'SCHILY.filetype' || keyword.startsWith('GNU.dumpdir')) {
    throw new Refused(`its PAX header has '${keyword}'`, found.get('path'));
  }
  if (!KEYWORDS.has(keyword)) return;
  if (scope === 'global') throw new Refused(`a global PAX header sets '${keyword}' of all members`);
  if (found.has(keyword)) throw new Refused(`its PAX header has '${keyword}' twice`, found.get('path'));
  found.set(keyword, value);
}

function readSize(value: string): number {
  const size = Number(value);
  if (/^\d{1,16}$/.test(value) && Number.isSafeInteger(size)) return size;
  throw new Refused(`its PAX header has an impossible size '${value}'`);
}
