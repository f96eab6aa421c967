/**
 * User names, from /etc/passwd (passwd(5)). os.userInfo() knows our own user only. Users that come from elsewhere
 * (LDAP, systemd-homed) are not in it: their number is shown. The parser is pure.
 */
import { readFileSync } from 'node:fs';

/** A user of this machine. */
export interface User {
  readonly name: string;
  readonly home: string;
}

/** Reads passwd(5): the first line for a uid wins, as in getpwuid(3); malformed lines are passed over. */
export function parsePasswd(text: string): Map<number, User> {
  const users = new Map<number, User>();
  for (const line of text.split('\n')) {
    const [name, , uid, , , home, shell] = line.split(':');
    if (name === undefined || uid === undefined || home === undefined || shell === undefined) continue;
    if (!/^[A-Za-z0-9_.][A-Za-z0-9_.-]*\$?$/.test(name) || !/^\d{1,10}$/.test(uid)) continue;
    if (!users.has(Number(uid))) users.set(Number(uid), { name, home });
  }
  return users;
}

/** The users of this machine, by uid; none where the file cannot be read. */
export function readUsers(path = '/etc/passwd'): Map<number, User> {
  try {
    return parsePasswd(readFileSync(path, 'utf8'));
  } catch {
    return new Map(); // an image without /etc/passwd: numbers are shown
  }
}
