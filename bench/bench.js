/**
 * `npm run bench [-- --quick] [--json=FILE] [--only=WORD] [--dir=DIR] [--holdfast=FILE]`: measures bin/holdfast against
 * what an operator would type instead, and prints each figure with its goal, met or MISSED. README.md beside this file
 * says how to read it. Exits with 0 whatever the figures are, with 2 if it cannot measure; needs cc. Leaves nothing
 * behind but the JSON file.
 */
import { accessSync, constants, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { removeSync } from 'fs-extra/esm';
import { cases } from './cases.js';
import { compileStopwatch } from './installations.js';
import { formatMachine, machineFacts } from './machine.js';
import { Stopwatch, Unmeasurable } from './measure.js';
import { formatTable } from './table.js';

/** @typedef {import('./results.js').Result} Result */

const ROUNDS = 15;
const QUICK_ROUNDS = 5;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    only: { type: 'string', default: '' },
    dir: { type: 'string', default: tmpdir() },
    holdfast: { type: 'string', default: join(import.meta.dirname, '../bin/holdfast') },
  },
});

const top = mkdtempSync(join(realpathSync(options.dir), 'holdfast-bench-'));
process.on('exit', () => removeSync(top));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(2));

try {
  bench();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}

function bench() {
  const node = resolve(process.env.HOLDFAST_NODE || process.execPath);
  const machine = machineFacts(node, top);
  const rounds = options.quick ? QUICK_ROUNDS : ROUNDS;
  process.stdout.write(`${formatMachine(machine)}medians of ${rounds} interleaved runs, warm page cache\n\n`);

  const setting = {
    top,
    node,
    nodeMajor: Number.parseInt(machine.node.slice(1), 10),
    holdfast: resolve(options.holdfast),
    stopwatch: new Stopwatch(compileStopwatch(top)),
    rounds,
    isThere,
  };
  // What the caller set for his own Node would slow `node -e 0` (20 reads NODE_EXTRA_CA_CERTS at its start: 35 ms
  // measured), and holdfast drops it: neither gets it.
  for (const name of Object.keys(process.env)) {
    if (/^(?:NODE|OPENSSL|SSL_CERT|UV)_/.test(name)) delete process.env[name];
  }
  process.env.HOLDFAST_NODE = node;

  setting.stopwatch.run({ name: 'holdfast', command: [setting.holdfast, '--version'] }); // else all rows would be absent

  /** @type {Result[]} */
  const results = [];
  for (const { name, measure } of cases) {
    if (!name.includes(options.only)) continue;
    progress(name);
    try {
      results.push(...measure(setting));
    } catch (error) {
      if (!(error instanceof Unmeasurable)) throw error;
      results.push({ kind: 'absent', name, peer: '', reason: error.message });
    }
    progress('');
  }
  process.stdout.write(formatTable(results));
  const missed = results.filter(result => 'verdict' in result && result.verdict === 'MISSED').length;
  process.stdout.write(`\n${missed === 0 ? 'every goal was met' : `goals MISSED: ${missed}`}\n`);
  if (options.json !== undefined) {
    writeFileSync(
      options.json,
      `${JSON.stringify({ format: 'holdfast-bench/1', machine, rounds, results }, null, 2)}\n`,
    );
  }
}

/** Whether PATH has the program. @param {string} program */
function isThere(program) {
  return (process.env.PATH ?? '').split(delimiter).some(directory => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false; // not in this one, or not to be executed: as a shell would look on
    }
  });
}

/** What is measured now, on a terminal only. @param {string} name */
function progress(name) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${name}`);
}
