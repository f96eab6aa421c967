/**
 * Which processes are a lightningd by their name, and which of those are nodes of their own. Only judges what
 * listProcesses found.
 *
 * A process is called lightningd when it executes a file or a script of that name, or was executed under it (`comm`:
 * stays when an upgrade renames the file). argv[0] alone counts only where the executed file may not be looked at, since
 * anybody can write it. No nodes of their own are forks of a lightningd that have not executed their subdaemon yet,
 * wrapper scripts called `lightningd` that have the real one below them, and a lightningd that only answers a question (`--version`) and ends.
 */
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { inodeKey } from '../../linux/proc/image.ts';
import { descendantsOf, type Process } from '../../linux/proc/processes.ts';
import { type Program, programOf } from '../../linux/proc/program.ts';

/** A process that is called lightningd, or that holds a PID file of a node. */
export interface Candidate {
  readonly process: Process;
  readonly program: Program;
}

const NAME = 'lightningd';

/** With one of these it prints, or checks its subdaemons, and ends (lightningd/options.c). */
const ANSWERS = new Set(['--version', '-V', '--help', '-h', '--list-features-only', '--test-daemons-only']);

/** The program of a process that is called lightningd (see the head of this file), or undefined for all others. */
export function lightningdProgram(process: Process, proc: string): Program | undefined {
  const { comm, exe, argv } = process;
  const named = comm === NAME || (exe.kind === 'file' && basename(exe.path) === NAME);
  // Where the name stands in an interpreter's arguments: few processes, so that few are looked at more closely.
  if (!named && !argv.slice(0, 6).some(word => basename(word.toString('latin1')) === NAME)) return undefined;
  const program = programOf(process, proc);
  switch (program.kind) {
    case 'script':
      if (isLauncher(program.openAt)) return undefined;
      return named || basename(program.path) === NAME ? program : undefined;
    case 'unreadable':
      return named || basename(argv[0]?.toString('latin1') ?? '') === NAME ? program : undefined;
    case 'elf':
    case 'interpreter':
      return named ? program : undefined;
  }
}

/** holdfast itself, started through a link called lightningd: it will be one in a moment. */
function isLauncher(path: string): boolean {
  try {
    return basename(realpathSync(path)) === 'holdfast';
  } catch {
    return false; // gone, or closed to us
  }
}

/** True for a node: no fork of another candidate, no wrapper script around one, none that only answers. */
export function isMain(
  { process, program }: Candidate,
  candidates: ReadonlyMap<number, Candidate>,
  processes: readonly Process[],
): boolean {
  if (process.argv.some(word => ANSWERS.has(word.toString('latin1')))) return false;
  const parent = candidates.get(process.ppid);
  if (parent !== undefined && isForkOf(parent.process, process)) return false;
  if (program.kind !== 'script' && program.kind !== 'interpreter') return true;
  return !descendantsOf(process.pid, processes).some(
    below => candidates.has(below.pid) && !isForkOf(process, below),
  );
}

/** A fork still has the file and the arguments of its parent; a node that was only adopted by another has not. */
function isForkOf(parent: Process, child: Process): boolean {
  return sameImage(parent, child) && Buffer.compare(joined(parent.argv), joined(child.argv)) === 0;
}

function sameImage(a: Process, b: Process): boolean {
  if (a.exe.kind === 'file' && b.exe.kind === 'file') return inodeKey(a.exe) === inodeKey(b.exe);
  return a.exe.kind === b.exe.kind; // neither may be read: the arguments have to do
}

function joined(argv: readonly Buffer[]): Buffer {
  return Buffer.concat(argv.flatMap(word => [word, Buffer.of(0)]));
}
