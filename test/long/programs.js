/** Programs that the long run starts and asks, all without waiting for them in a way that stops the rest. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** The program under test. */
export const HOLDFAST = join(import.meta.dirname, '../../bin/holdfast');

/** @param {number} ms */
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/**
 * A program that was started: what it says, and how it ends (128 + N for signal N).
 * @typedef {{ pid: number, output: () => string, stdout: () => string, ended: Promise<number>, over: () => boolean, kill: (signal: NodeJS.Signals) => void }} Started
 */

/** @param {string} file @param {string[]} words @param {NodeJS.ProcessEnv} [env] @returns {Started} */
export function start(file, words, env = process.env) {
  const child = spawn(file, words, {
    env: { ...env, STAND_IN_RESTART_SECONDS: '0.2' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, output, over] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => (output += text));
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      over = true;
      resolve(code ?? (signal === 'SIGKILL' ? 137 : 143));
    });
  });
  const kill = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
  return { pid: child.pid ?? -1, output: () => output, stdout: () => stdout, ended, over: () => over, kill };
}

/**
 * One line to a node's socket, and its answer; '' where it does not answer.
 * @param {string} lightningDir @param {string} network @param {string} line @returns {Promise<string>}
 */
export function ask(lightningDir, network, line) {
  return new Promise(resolve => {
    let answer = '';
    const socket = connect(join(lightningDir, network, 'lightning-rpc'), () => socket.write(`${line}\n`));
    socket.setEncoding('utf8').setTimeout(20_000, () => socket.destroy());
    socket.on('data', text => (answer += text));
    socket.on('error', () => resolve(''));
    socket.on('close', () => resolve(answer));
  });
}

/** Every process whose command line names a directory. @param {string} dir @returns {{ pid: number, command: string }[]} */
export function processesOf(dir) {
  const found = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ');
      if (command.includes(dir)) found.push({ pid, command });
    } catch {
      // it has ended meanwhile
    }
  }
  return found;
}
