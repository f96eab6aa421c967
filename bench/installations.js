/**
 * What is measured on: the stand-in Core Lightning at its real size, with many files, with one huge file, and with a
 * lightningd that ends at its first instruction. All directories are made old: holdfast waits for young ones.
 */
import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDirSync } from 'fs-extra/esm';
import { ageDirectories } from '../fixtures/stand-in/layout.js';
import { makeCInstallation } from '../fixtures/stand-in/make-c.js';

/** @typedef {import('../fixtures/stand-in/layout.js').StandIn} StandIn */

const VERSION = 'v25.12';
const REAL_SIZE = { plugins: 20, pythonPlugin: false, realSize: true };
const DATA_FILE_BYTES = 4096;
const FILES_PER_DIRECTORY = 100;

/** As many shared libraries as a real lightningd loads, glibc's apart, and their size. */
const LIBRARIES = 24;
const LIBRARIES_BYTES = 16e6;

/**
 * 34 files, 128 MB, and 24 libraries that they load, 16 MB: all programs two, and one of them, as a real lightningd, all.
 * @param {string} dir
 */
export function realSizeInstallation(dir) {
  const libraryDir = join(dir, 'usr/lib/private');
  const made = makeCInstallation(dir, VERSION, { ...REAL_SIZE, libraryDir });
  const names = Array.from({ length: LIBRARIES - 2 }, (_, n) => `libmore${n}.so.1`);
  for (const name of names) link(join(libraryDir, name), ['-shared', '-fPIC', `-Wl,-soname,${name}`]);
  for (const name of readdirSync(libraryDir)) {
    const path = join(libraryDir, name);
    if (lstatSync(path).isFile()) pad(path, LIBRARIES_BYTES / LIBRARIES);
  }
  const hsmtool = join(made.prefix, 'bin/lightning-hsmtool');
  const { size } = statSync(hsmtool);
  const needed = [...names, 'libstandin.so.1'].map(name => join(libraryDir, name));
  link(hsmtool, ['-Wl,--no-as-needed', '-DMAIN', ...needed, `-Wl,-rpath,${libraryDir}`]);
  pad(hsmtool, size);
  ageDirectories(made.prefix);
  return made;
}

/** Links bench/c/library.c. @param {string} path @param {string[]} words */
function link(path, words) {
  cc('library.c', path, {}, words);
}

/** Bytes behind its end, for an image that is as big as a real one. @param {string} path @param {number} size */
function pad(path, size) {
  const image = readFileSync(path);
  writeFileSync(path, Buffer.concat([image, noise(Math.round(size) - image.length)]));
}

/**
 * The same, but its lightningd ends at once.
 * @param {string} dir
 */
export function instantInstallation(dir) {
  const made = realSizeInstallation(dir);
  const { size } = statSync(made.lightningd);
  const names = { VERSION, BINDIR: '/usr/bin', PKGLIBEXECDIR: '/usr/libexec/c-lightning' };
  cc('first-instruction.c', made.lightningd, {
    ...names,
    PLUGINDIR: `${names.PKGLIBEXECDIR}/plugins`,
  });
  pad(made.lightningd, size);
  ageDirectories(made.prefix);
  return made;
}

/**
 * The programs, small, and one plugin.
 * @param {string} dir
 */
export function smallInstallation(dir) {
  const made = makeCInstallation(dir, VERSION, { plugins: 1, pythonPlugin: false });
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
    if (i % FILES_PER_DIRECTORY === 0) ensureDirSync(directory);
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

/** @param {string} source @param {string} path @param {Record<string, string>} macros @param {string[]} [words] */
function cc(source, path, macros, words = []) {
  const definitions = Object.entries(macros).map(([name, value]) => `-D${name}=${JSON.stringify(value)}`);
  const { status, stderr, error } = spawnSync(
    'cc',
    ['-O1', '-Wall', '-o', path, ...definitions, join(import.meta.dirname, 'c', source), ...words],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`the benchmark needs a C compiler: ${error?.message ?? stderr}`);
}

/** Bytes that do not compress, the same ones each time. @param {number} length */
function noise(length) {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  return cipher.update(Buffer.alloc(Math.max(0, length)));
}
