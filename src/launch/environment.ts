/** The caller's environment as names and values, for looking things up in it. Pure. */
/** Reads a block of NAME=VALUE strings; of duplicate names the first counts, as for getenv(3). */
export function parseEnvironment(block: Buffer): Record<string, string> {
  const environment: Record<string, string> = Object.create(null);
  for (const string of block.toString().split('\0')) {
    const equals = string.indexOf('=');
    if (equals > 0) environment[string.slice(0, equals)] ??= string.slice(equals + 1);
  }
  return environment;
}
