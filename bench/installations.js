/**
 * What is measured on: the stand-in Core Lightning at its real size, with many files, with one huge file, and with a
 * lightningd that ends at its first instruction. All directories are made old: holdfast waits for young ones.
 */
import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ageDirectories } from '../fixtures/stand-in/layout.js';
import { makeCInstallation } from '../fixtures/stand-in/make-c.js';

/** @typedef {import('../fixtures/stand-in/layout.js').StandIn} StandIn */

const VERSION = 'v25.12';
const REAL_SIZE = { plugins: 20, pythonPlugin: false, realSize: true };
const DATA_FILE_BYTES = 4096;
const FILES_PER_DIRECTORY = 100;

/**
 * 34 files, 128 MB.
 * @param {string} dir
 */
export function realSizeInstallation(dir) {
  return makeCInstallation(dir, VERSION, REAL_SIZE);
}

/**
 * The same, but its lightningd ends at once.
 * @param {string} dir
 */
export function instantInstallation(dir) {
  const made = makeCInstallation(dir, VERSION, REAL_SIZE);
  const { size } = statSync(made.lightningd);
  const names = { VERSION, BINDIR: '/usr/bin', PKGLIBEXECDIR: '/usr/libexec/c-lightning' };
  cc('first-instruction.c', made.lightningd, {
    ...names,
    PLUGINDIR: `${names.PKGLIBEXECDIR}/plugins`,
  });
  const image = readFileSync(made.lightningd);
  writeFileSync(made.lightningd, Buffer.concat([image, noise(size - image.length)]));
  ageDirectories(made.prefix);
  return made;
}

/**
 * `count` files in all: the programs, and a plugin that is a directory with data of 4 KiB each.
 * @param {string} dir
 * @param {number} count
 */
export function manyFilesInstallation(dir, count) {
  const made = makeCInstallation(dir, VERSION, { plugins: 0, pythonPlugin: false });
  const content = noise(DATA_FILE_BYTES);
  for (let i = 0; i < count - made.files.length; i++) {
    const directory = join(made.libexec, 'plugins/archive', `${Math.floor(i / FILES_PER_DIRECTORY)}`);
    if (i % FILES_PER_DIRECTORY === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `${i}.dat`), content, { mode: 0o644 });
  }
  ageDirectories(made.prefix);
  return made;
}

/**
 * A few small programs, and a plugin of `size` bytes, most of them a hole: read like all others, but it costs no disk.
 * @param {string} dir
 * @param {number} size bytes
 */
export function hugeFileInstallation(dir, size) {
  const made = makeCInstallation(dir, VERSION, { plugins: 1, pythonPlugin: false });
  truncateSync(join(made.libexec, 'plugins/autoclean'), size);
  ageDirectories(made.prefix);
  return made;
}

/**
 * The program that measures (stopwatch.c).
 * @param {string} dir
 * @returns {string} its path
 */
export function compileStopwatch(dir) {
  const path = join(dir, 'stopwatch');
  cc('stopwatch.c', path, {});
  return path;
}

/** @param {string} source @param {string} path @param {Record<string, string>} macros */
function cc(source, path, macros) {
  const definitions = Object.entries(macros).map(([name, value]) => `-D${name}=${JSON.stringify(value)}`);
  const { status, stderr, error } = spawnSync(
    'cc',
    ['-O1', '-Wall', '-o', path, ...definitions, join(import.meta.dirname, 'c', source)],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the benchmark needs a C compiler: ${error?.message ?? stderr}`);
}

/** Bytes that do not compress, the same ones each time. @param {number} length */
function noise(length) {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(Math.max(0, length)));
}
