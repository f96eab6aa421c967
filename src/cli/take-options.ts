/** The options that `run` and `snapshot` share, from words to values. Pure. */
import type { ArchiveChecksum } from '../archive/checksum.ts';
import type { PrepareOptions } from '../commands/take/prepare.ts';
import { HoldfastError, quote } from '../errors.ts';
import { absolutePath } from '../linux/files/path.ts';
import { METHODS, type Method } from '../snapshot/record/placement.ts';
import type { Surroundings } from './context.ts';
import { LIBRARIES } from './table.ts';
import type { GivenOptions, Request } from './words.ts';

/** A request for a command. */
export type CommandRequest = Extract<Request, { kind: 'command' }>;

/** How long an upgrade may take to settle, s, when --settle does not say. */
const DEFAULT_SETTLE_S = 30;

/** Reads the values. @throws HoldfastError `USAGE` */
export function prepareOptions(
  { options, lightningd, operands }: CommandRequest,
  { cwd }: Surroundings,
): PrepareOptions {
  return {
    lightningd: lightningd?.toString(),
    from: absolute(options.from, cwd),
    checksum: readChecksum(options, cwd),
    args: operands,
    snapshotDir: absolute(options['snapshot-dir'], cwd),
    method: readMethod(options.method ?? 'auto'),
    fallback: options['no-fallback'] !== true,
    gate: options['no-gate'] !== true,
    libraries: readLibraries(options.libraries),
    settleMs: readSettle(options.settle),
    expectRoot: readRoot(options['expect-root']),
  };
}

/** `--sha256` and `--sums`. @throws HoldfastError `USAGE` */
function readChecksum({ from, sha256, sums }: GivenOptions, cwd: string): ArchiveChecksum {
  if (from === undefined && (sha256 !== undefined || sums !== undefined)) {
    throw new HoldfastError('USAGE', '--sha256 and --sums say what the archive of --from must be', {
      hint: '--expect-root=HEX says what an installation must be',
    });
  }
  if (sha256 !== undefined && !/^[0-9a-fA-F]{64}$/.test(String(sha256))) {
    throw new HoldfastError('USAGE', `--sha256=${sha256} is no SHA-256: 64 hex digits`);
  }
  return { sha256: sha256?.toString().toLowerCase(), sums: absolute(sums, cwd) };
}

/** A directory as given, made absolute. */
export function absolute(value: string | true | undefined, cwd: string): string | undefined {
  return typeof value === 'string' ? absolutePath(cwd, value) : undefined;
}

/** `--expect-root`: 64 lower-case hex digits. @throws HoldfastError `USAGE` */
export function readRoot(value: string | true | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
  throw new HoldfastError('USAGE', `--expect-root=${value} is no root: 64 lower-case hex digits`, {
    hint: 'holdfast root PATH prints it',
  });
}

function readMethod(value: string | true): Method {
  const method = METHODS.find(known => known === value);
  if (method !== undefined) return method;
  throw new HoldfastError('USAGE', `--method=${value} is none of ${METHODS.join(', ')}`);
}

function readLibraries(value: string | true | undefined): PrepareOptions['libraries'] {
  if (value === undefined) return 'hold';
  const known = LIBRARIES.find(word => word === value);
  if (known !== undefined) return known;
  throw new HoldfastError('USAGE', `--libraries=${value} is none of ${LIBRARIES.join(', ')}`);
}

/** `--settle`, ms. @throws HoldfastError `USAGE` */
export function readSettle(value: string | true | undefined): number {
  if (value === undefined) return DEFAULT_SETTLE_S * 1000;
  if (typeof value === 'string' && /^\d{1,6}(\.\d+)?$/.test(value)) return Number(value) * 1000;
  throw new HoldfastError('USAGE', `--settle=${quote(String(value))} is no number of seconds`);
}
