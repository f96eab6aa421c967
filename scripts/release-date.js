/** The newest release of CHANGELOG.md: its version, and the day that every time stamp of its files is from. */
import { readFileSync } from 'node:fs';

/** @returns {{ version: string, date: string, seconds: number }} the day as ISO 8601, and in seconds since the epoch, UTC */
export function releaseDate() {
  const text = readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8');
  const [, version, date] = /^## (\d\S*) - (\d{4}-\d{2}-\d{2})$/m.exec(text) ?? [];
  if (version === undefined || date === undefined) throw new Error('CHANGELOG.md has no release with a date');
  return { version, date, seconds: Date.parse(`${date}T00:00:00Z`) / 1000 };
}
