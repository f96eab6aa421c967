/**
 * A script in lightningd's place that executes another lightningd: what it starts is not the snapshot's. Reads the script,
 * never runs it, and understands no more of it than commands and absolute paths.
 */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { systemError } from '../../errors.ts';

/** A wrapper is a page; what is longer does more than wrap. */
const MOST_BYTES = 64 * 1024;

/** lightningd as a command, under whatever name a packager keeps the real one. */
const COMMAND =
  /^(?:(?:exec|nohup|nice|env|command|setsid)\s+|\w+=\S*\s+)*["']?((?:[^\s"'=]*\/)?\.?lightningd[^\s"':=/]*)["']?(?:\s|$)/;
const ABSOLUTE = /(?:^|[\s"'=])(\/[^\s"']*\/\.?lightningd[^\s"'/;)]*)(?=[\s"';)]|$)/;

/** What leads from the script's own path lies in the snapshot as well. */
const OWN_PATH = /\$\{?0\b|BASH_SOURCE/;

/** The other lightningd that a script executes, as it names it; undefined where it executes none that we can see. */
export function executesAnother(script: string): string | undefined {
  for (const line of textOf(script).split('\n')) {
    const words = line.trim();
    if (words.startsWith('#')) continue;
    const [, absolute] = ABSOLUTE.exec(words) ?? [];
    if (absolute !== undefined && isProgram(absolute)) return absolute;
    const [, command] = COMMAND.exec(words) ?? [];
    if (command !== undefined && absolute === undefined && !OWN_PATH.test(words)) return command;
  }
  return undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or not to be executed: the script does not execute it either
  }
}

function textOf(path: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const buffer = Buffer.alloc(MOST_BYTES);
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, MOST_BYTES, 0));
  } catch (error) {
    throw systemError('read', path, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
