/**
 * The one error class and its codes. Raised low, where the facts are; worded for an operator;
 * printed once, in cli.ts. Decide on `code`, never on the text of a message.
 */

/** Why something failed. A code once released keeps its meaning; exit-codes.ts maps each to a status. */
export type ErrorCode =
  /** the command line is wrong */
  | 'USAGE'
  /** there is no such lightningd */
  | 'NOT_FOUND'
  /** lightningd is there but cannot be executed */
  | 'NOT_EXECUTABLE'
  /** what was named is no Core Lightning installation, or not all of one */
  | 'NOT_AN_INSTALLATION'
  /** a file of the installation cannot be taken: dangling link, FIFO, name that is not UTF-8 */
  | 'BAD_SOURCE'
  /** an installation, archive or file of the operator's that cannot be read */
  | 'UNREADABLE'
  /** a configuration file of lightningd's that cannot be read */
  | 'CONFIG'
  /** the store is not ours to use: a link, a file, another user's, or it holds what we did not make */
  | 'STORE_REFUSED'
  /** somebody holds the store's lock, and does not give it back */
  | 'LOCKED'
  /** root would leave files in another user's lightning-dir */
  | 'WRONG_USER'
  /** the store cannot hold programs, and no fallback may or can be used */
  | 'NOEXEC'
  /** the installation is in the middle of an upgrade, and stayed so */
  | 'GATE'
  /** a placement that was asked for by name is not possible here */
  | 'PLACEMENT'
  /** a manifest, record or proof that breaks the format */
  | 'MANIFEST_INVALID'
  /** the root is not the one expected */
  | 'ROOT_MISMATCH'
  /** a file is not what its manifest says */
  | 'DIFFERS'
  /** there is no snapshot where one was looked for */
  | 'NO_SNAPSHOT'
  /** an archive that breaks the rules or the limits */
  | 'ARCHIVE'
  /** this kernel, Node or machine lacks what is needed */
  | 'UNSUPPORTED'
  /** a system call failed */
  | 'SYSTEM';

/** Facts beside the message. */
export interface ErrorFacts {
  /** the path concerned, as the operator would type it */
  readonly path?: string | undefined;
  /** the system call, as in its man page: `link`, `rename` */
  readonly syscall?: string | undefined;
  /** the errno's name: `EXDEV` */
  readonly errno?: string | undefined;
  /** more of the facts, a line each: a table of who says what */
  readonly details?: readonly string[] | undefined;
  /** what to do about it, one line each */
  readonly hint?: string | readonly string[] | undefined;
  readonly cause?: unknown;
}

/** Every failure that holdfast knows how to word. Anything else that is thrown is a bug of ours. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;
  readonly path: string | undefined;
  readonly syscall: string | undefined;
  readonly errno: string | undefined;
  readonly details: readonly string[];
  readonly hints: readonly string[];

  /** `holdfast` and `holdfast/manifest` are built apart, each with this class: an error of either is an instance of both. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'HoldfastError';
  }

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.path = facts.path;
    this.syscall = facts.syscall;
    this.errno = facts.errno;
    this.details = facts.details ?? [];
    this.hints = facts.hint === undefined ? [] : typeof facts.hint === 'string' ? [facts.hint] : facts.hint;
  }
}

/** The errno name (`ENOENT`) of an error thrown by Node or by src/linux, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof HoldfastError) return error.errno;
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException;
  if (errno === -STALE) return 'ESTALE';
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** errno(3): the file that a descriptor or a path led to on NFS or FUSE is gone. Node has neither name nor words for it. */
const STALE = 116;

/**
 * Words a failed system call: `cannot <what> '<path>': <the errno's words> (<errno>, <syscall>)`.
 * An error of ours passes through as it is; one without an errno is wrapped all the same.
 */
export function systemError(
  what: string,
  path: string,
  error: unknown,
  facts: ErrorFacts = {},
): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  const errno = errnoOf(error);
  const call = syscall === undefined ? '' : `, ${syscall}`;
  return new HoldfastError(
    'SYSTEM',
    `cannot ${what} ${quote(path)}: ${strerrorOf(error)} (${errno ?? code ?? 'no errno'}${call})`,
    {
      path,
      syscall,
      errno,
      cause: error,
      ...facts,
    },
  );
}

/** A path for a message: in single quotes, escaped as `visible` does. */
export function quote(path: string): string {
  return `'${visible(path)}'`;
}

/**
 * A path in a command for the operator to type: quoted as the shell reads it, and in one line. Control bytes are as in
 * POSIX.1-2024, 2.2.4 (dollar-single-quotes).
 */
export function typed(path: string): string {
  if (!CONTROL.test(path)) return `'${path.replaceAll("'", String.raw`'\''`)}'`;
  const escaped = [...path].map(character => {
    if (character === "'" || character === '\\') return `\\${character}`;
    return CONTROL.test(character) ? `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}` : character;
  });
  return `$'${escaped.join('')}'`;
}

/** What a terminal acts on, and no line of ours may have. */
const CONTROL = /[^ -~\u0080-\uffff]/;

/**
 * Text that somebody else chose, for a line of ours: control characters, C0 and C1, line separators and those that turn the
 * direction of writing (Unicode's Bidi_Control) are escaped as in JSON, and backslashes. It cannot draw on a terminal, nor
 * look like another line.
 */
export function visible(text: string): string {
  return escapeUnseen(JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"'));
}

/** The same for whole lines of ours, whose line ends stay: the last net, for what nobody has quoted. */
export function escapeUnseen(text: string): string {
  return text.replace(UNSEEN, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for; \n and \t are line ends and our own */
const UNSEEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Words a failed system call where what failed says more than how: `<what>: <the errno's words> (<errno>)`, under a code
 * of its own, with `path`, the errno and the system call as facts.
 * @throws the error itself when it has no errno: then no system call failed, and it is a bug of ours
 */
export function codedError(
  code: ErrorCode,
  what: string,
  path: string,
  error: unknown,
  facts: ErrorFacts = {},
): HoldfastError {
  if (error instanceof HoldfastError) return error;
  if (errnoOf(error) === undefined) throw error;
  const syscall = (error as NodeJS.ErrnoException).syscall;
  return new HoldfastError(code, `${what}: ${errnoWords(error)}`, {
    path,
    syscall,
    errno: errnoOf(error),
    cause: error,
    ...facts,
  });
}

/** `permission denied (EACCES)`: the errno's words and name, from an error thrown by Node. */
export function errnoWords(error: unknown): string {
  const errno = errnoOf(error);
  return errno === undefined ? strerrorOf(error) : `${strerrorOf(error)} (${errno})`;
}

/** What strerror(3) says: Node words an errno as `ENOENT: no such file or directory, open 'x'`, and the middle is it. */
function strerrorOf(error: unknown): string {
  const errno = errnoOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (errno === 'ESTALE') return 'stale file handle';
  if (errno === 'ENOTSUP') return 'operation not supported'; // libuv adds "on socket", of a file system too
  if (errno === undefined || !message.startsWith(`${errno}: `)) return message;
  return message.slice(errno.length + 2).split(', ')[0] ?? message;
}
