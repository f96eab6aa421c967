/** The caller's environment as names and values, for looking things up in it. Pure. */
import { splitStrings } from './inherited.ts';

/** Reads a block of NAME=VALUE strings; of duplicate names the first counts, as for getenv(3). */
export function parseEnvironment(block: Buffer): Record<string, string> {
  const environment: Record<string, string> = Object.create(null);
  for (const string of splitStrings(block)) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(string.toString()) ?? [];
    if (name !== undefined && value !== undefined) environment[name] ??= value;
  }
  return environment;
}
