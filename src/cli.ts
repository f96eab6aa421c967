/**
 * The command line: argv in, text and exit status out. The only file that reads argv, prints and exits.
 *
 * Manners: results on stdout, all else on stderr behind `holdfast: `, lower case, no full stop, then `hint: ` lines
 * with what to type. --json puts one object on stdout and nothing else there. Colour and progress only on a terminal.
 * Written with write(2) on the descriptors themselves: Node's streams would change their flags, and the program that
 * we become inherits those.
 */
import { fstatSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isJournal, PRIORITIES, type Priority } from './cli/journal.ts';
import type { Outcome } from './cli/outcome.ts';
import { asksForJson, type Request, readWords } from './cli/words.ts';
import { errnoOf, escapeUnseen, HoldfastError, quote, systemError } from './errors.ts';
import { EXIT, exitStatus } from './exit-codes.ts';
import { type Inherited, parseInherited } from './launch/inherited.ts';
import { readProcFile } from './linux/proc/read-proc.ts';

/** The caller's standard output and error. */
const STDOUT = 1;
const STDERR = 2;

void main();

async function main(): Promise<void> {
  let command = 'run'; // whose notes may be refused
  let json = false;
  try {
    const inherited = parseInherited(readProcFile('/proc/self/cmdline'), process.env);
    command = inherited.invokedAs === 'lightningd' ? 'run' : (inherited.words[0]?.toString() ?? '');
    json = command !== 'run' && asksForJson(inherited.words); // as far as can be told if they cannot be read
    const request = readWords(inherited.words, inherited.invokedAs);
    json = request.kind === 'command' && request.options.json === true;
    const outcome = await perform(request, inherited);
    const text = escapeUnseen(json ? `${JSON.stringify(outcome.json)}\n` : outcome.text);
    write(
      STDOUT,
      !json && text !== '' && wantsColour() ? (await import('./cli/colour.ts')).colour(text) : text,
    );
    if (outcome.signal !== undefined) process.kill(process.pid, outcome.signal);
    process.exit(outcome.status);
  } catch (error) {
    process.exit(await fail(command, json, error));
  }
}

async function perform(request: Request, inherited: Inherited): Promise<Outcome> {
  if (request.kind === 'help') return say(helpText(request.command ?? ''));
  if (request.kind === 'version') return say(`holdfast ${version()}\n`);
  const { makeChildrenPossible, run, surroundingsOf } = await import('./cli/core.ts');
  makeChildrenPossible(inherited);
  const surroundings = surroundingsOf(
    inherited,
    request.options,
    (message, priority) => complain([message], priority),
    draw,
    isJournal(process.env.JOURNAL_STREAM, STDERR),
  );
  switch (request.command) {
    case 'run':
      return run(request, surroundings);
    case 'snapshot':
      return (await import('./cli/commands/snapshot.ts')).snapshot(request, surroundings);
    case 'verify':
      return (await import('./cli/commands/verify.ts')).verify(request, surroundings);
    case 'prove':
      return (await import('./cli/commands/prove.ts')).prove(request, surroundings);
    case 'export':
      return (await import('./cli/commands/export.ts')).exportSnapshot(request, surroundings);
    case 'status':
      return (await import('./cli/commands/status.ts')).status(request, surroundings);
    case 'guard':
      return (await import('./cli/commands/guard.ts')).guard(request, surroundings);
    case 'noexec-check':
      return (await import('./cli/commands/noexec-check.ts')).checkNoexec(request, surroundings);
    case 'adopt':
      return (await import('./cli/commands/adopt.ts')).adopt(request, surroundings);
    case 'doctor':
      return (await import('./cli/commands/doctor.ts')).doctor(request, surroundings);
    case 'root':
      return (await import('./cli/commands/root.ts')).root(request, surroundings);
  }
}

function say(text: string): Outcome {
  return { status: EXIT.ok, text, json: undefined };
}

/** An error as one of ours. A system call that nobody worded still names its path; anything else is a bug: said so. */
function knownError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const { path, syscall = 'use', message = String(error) } = error as Partial<NodeJS.ErrnoException>;
  if (path !== undefined && errnoOf(error) !== undefined) return systemError(syscall, path, error);
  const missing = missingFile(error);
  if (missing !== undefined) {
    return new HoldfastError('SYSTEM', `a file of holdfast itself is not there: ${quote(missing)}`, {
      path: missing,
      hint: 'where holdfast is being replaced just now, try again; or else install it again',
    });
  }
  return new HoldfastError('SYSTEM', `unexpected failure: ${message}`, {
    hint: 'this is a defect of holdfast: please report it, with the command line, HOLDFAST_DEBUG=1 and what holdfast doctor says',
  });
}

/** The file that require() did not find: a package manager replaces ours one by one. */
function missingFile(error: unknown): string | undefined {
  const {
    code,
    message = '',
    requireStack: [by] = [],
  } = error as NodeJS.ErrnoException & { requireStack?: string[] };
  const [, name] = /^Cannot find module '([^']+)'/.exec(message) ?? [];
  return code !== 'MODULE_NOT_FOUND' || name === undefined || by === undefined
    ? undefined
    : join(dirname(by), name);
}

/** Its own, or those for its kind, which no launch that succeeds loads; and which may be a file that is not there now. */
function hintsFor(known: HoldfastError, command: string): Promise<readonly string[]> {
  return import('./cli/remedies.ts').then(
    ({ hintsOf }) => hintsOf(known, command),
    () => known.hints,
  );
}

/** Words an error, and says with which status to end. */
async function fail(command: string, json: boolean, error: unknown): Promise<number> {
  const known = knownError(error);
  const lines = [
    known.message,
    ...known.details.map(line => `  ${line}`),
    ...(await hintsFor(known, command)).map(hint => `hint: ${hint}`),
  ];
  if (json) {
    const { code, message, path } = known;
    const facts = path === undefined ? { code, message } : { code, message, path };
    try {
      write(STDOUT, escapeUnseen(`${JSON.stringify({ error: facts })}\n`));
    } catch {
      // stdout takes nothing; stderr says what failed first
    }
  }
  complain(lines, 'error');
  if (process.env.HOLDFAST_DEBUG === '1' && error instanceof Error)
    write(STDERR, escapeUnseen(`${error.stack}\n`));
  return exitStatus(command, known.code);
}

/** Lines for stderr, what another program has said among them; the journal of systemd is told how much they matter. */
function complain(lines: readonly string[], priority: Priority): void {
  const mark = isJournal(process.env.JOURNAL_STREAM, STDERR) ? PRIORITIES[priority] : '';
  const each = lines.flatMap(line => line.split('\n'));
  write(STDERR, each.map(line => `${mark}holdfast: ${escapeUnseen(line)}\n`).join(''));
}

/** Is stdout a terminal, and nothing speaks against colour there (no-color.org)? */
function wantsColour(): boolean {
  const { NO_COLOR, TERM } = process.env;
  return !NO_COLOR && TERM !== 'dumb' && isTerminal(STDOUT);
}

/** Draws on the terminal, if stderr is one. */
function draw(text: string): void {
  if (isTerminal(STDERR)) write(STDERR, text);
}

/** node:tty is loaded only for what may be one, not for /dev/null: it brings half of Node's streams, 6 ms (measured). */
function isTerminal(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    const mayBe = stat.isCharacterDevice() && stat.rdev >> 8 !== MEM_MAJOR;
    return mayBe && process.getBuiltinModule('node:tty').isatty(fd);
  } catch {
    return false; // closed
  }
}

/** The kernel's major number of /dev/null, /dev/zero, /dev/full. Documentation/admin-guide/devices.txt */
const MEM_MAJOR = 1;

/**
 * Writes all of it, waiting where a non-blocking pipe is full. A reader that is gone, or a closed descriptor, is what the
 * caller wanted; a result that did not arrive for another reason (a full disk) is a failure.
 * @throws HoldfastError `SYSTEM`
 */
function write(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      else if (errno === 'EPIPE' || errno === 'EBADF' || fd === STDERR) return;
      else if (errno !== 'EINTR') throw systemError('write the result to', '/dev/stdout', error);
    }
  }
}

/** The text that the build has laid out (cli/help.ts): by command, '' for holdfast itself. */
function helpText(command: string): string {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'help.json'), 'utf8'))[command];
}

/** holdfast's own version; the build puts it here. */
function version(): string {
  return __VERSION__;
}
