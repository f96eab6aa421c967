/**
 * `npm run test:arch`, the part that runs on the other machine: a node of the C stand-in under holdfast, and all that is
 * asked of it. One line for each thing that was seen; ends with 1 where one came out otherwise.
 * STAND_IN_CC and TMPDIR say whose programs there are: see fixtures/stand-in/make-c.js. Needs no compiler here.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCInstallation, makeLibraries } from '../../fixtures/stand-in/make-c.js';
import { upgrade } from '../../fixtures/stand-in/upgrade.js';

const HOLDFAST = join(import.meta.dirname, '../../bin/holdfast');
const dir = mkdtempSync(join(tmpdir(), 'holdfast-arch-'));
/** @type {import('node:child_process').ChildProcess[]} */
const started = [];
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
});

/**
 * The emulator, where this machine is one: /proc/PID/exe is then the emulator's for every process but one's own, so that nothing
 * which runs can be known by its image.
 */
function findEmulator() {
  const child = spawn('sleep', ['60']);
  started.push(child);
  return /qemu-\w+/.exec(readlinkSync(`/proc/${child.pid}/exe`))?.[0];
}
const emulator = findEmulator();

/** @param {string} what @param {boolean} came @param {string} seen */
function row(what, came, seen) {
  const said = seen.trim().split('\n');
  const own = said.filter(line => line.startsWith('holdfast: warning'));
  console.log([`${came ? 'ok      ' : 'NOT OK  '} ${what}: ${said.at(-1)}`, ...own].join('\n         | '));
  if (!came) {
    console.log(seen.trim().replace(/^/gm, '         | '));
    process.exitCode = 1;
  }
}

/** @param {string} file @param {...string} words */
function say(file, ...words) {
  const { status, signal, stdout, stderr, error } = spawnSync(file, words, {
    encoding: 'utf8',
    timeout: 300_000,
  });
  return { status: status ?? signal ?? String(error), stdout, said: `${stdout}${stderr}` };
}

/** @param {...string} words */
const holdfast = (...words) => say(HOLDFAST, ...words);

/** @param {number} ms */
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

/**
 * A node under holdfast that answers, or what came instead.
 * @param {import('../../fixtures/stand-in/layout.js').StandIn} installed @param {string} cli @param {string} name of its lightning-dir
 * @param {...string} own options of `run`
 */
async function start(installed, cli, name, ...own) {
  const place = `--lightning-dir=${join(dir, name)}`;
  let output = '';
  const child = spawn(HOLDFAST, ['run', ...own, installed.lightningd, place], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', text => (output += text));
  const ask = (/** @type {string[]} */ ...words) => say(cli, place, ...words);
  const deadline = Date.now() + 300_000;
  while (child.exitCode === null && Date.now() < deadline) {
    const { status, stdout } = ask('getinfo');
    if (status === 0)
      return {
        place,
        ask,
        store: join(dir, name, 'subdaemons'),
        pid: child.pid ?? 0,
        info: stdout,
        output: () => output,
      };
    await sleep(200);
  }
  throw new Error(`no node answers:\n${output}`);
}

/** @param {string} what @param {() => void | Promise<void>} tried */
async function attempt(what, tried) {
  try {
    await tried();
  } catch (error) {
    row(what, false, error instanceof Error ? error.message : String(error));
  }
}

const libraryDir = join(dir, 'lib');
const installed = makeCInstallation(dir, 'v25.12', { libraryDir, pythonPlugin: false });
const next = makeCInstallation(join(dir, 'next'), 'v26.03', { libraryDir, pythonPlugin: false });
const { cli } = makeCInstallation(join(dir, 'plain'), 'v25.12', { plugins: 0 });

const doctor = holdfast('doctor');
row('doctor', [0, 1].includes(Number(doctor.status)), /^.*Linux .*$/m.exec(doctor.said)?.[0] ?? doctor.said);
const version = say(installed.lightningd, '--version');
row('the stand-in', version.status === 0 && version.stdout.includes('v25.12'), version.said);

await attempt('run', async () => {
  const node = await start(installed, cli, 'held');
  row('run', node.info.includes('v25.12'), node.info);
  row('open', node.ask('open').stdout.includes('ok v25.12'), node.ask('open').said);
  const snapshot = readlinkSync(join(node.store, 'current'));
  const verified = holdfast('verify', join(node.store, snapshot));
  row(
    'verify',
    verified.status === 0 && verified.said.includes('2 libraries'),
    verified.said.split('\n')[0] ?? '',
  );

  rmSync(libraryDir, { recursive: true });
  row('open, its libraries are gone', node.ask('open').stdout.includes('ok v25.12'), node.ask('open').said);
  makeLibraries(libraryDir, { aborting: true });
  row(
    'open, they are others that abort',
    node.ask('open').stdout.includes('ok v25.12'),
    node.ask('open').said,
  );
  rmSync(libraryDir, { recursive: true });
  makeLibraries(libraryDir);

  upgrade('rename', next.prefix, installed.prefix);
  row('open, upgraded by rename', node.ask('open').stdout.includes('ok v25.12'), node.ask('open').said);
  const status = holdfast('status', node.place);
  row('status', Number(status.status) < 4, `${status.status}\n${status.said}`);
  console.log(status.said.replace(/^/gm, '         | '));
  const running = holdfast('verify', '--running', node.place);
  if (emulator === undefined) row('verify --running', running.status === 0, running.said);
  else row('verify --running', running.said.includes(emulator), `sees ${emulator} in place of each program`);
  console.log(running.said.replace(/^/gm, '         | '));

  const other = holdfast('snapshot', installed.lightningd, node.place);
  const names = readdirSync(node.store).filter(name => /^[0-9a-f]{16}$/.test(name));
  row(
    'a second snapshot, and the first one stays',
    other.status === 0 && names.includes(snapshot) && names.length === 2,
    names.join(', '),
  );
  row('open, from the first one', node.ask('open').stdout.includes('ok v25.12'), node.ask('open').said);
  node.ask('stop');
});

for (const own of ['--method=copy', '--method=pin', '--confine=best-effort']) {
  if (own === '--method=pin' && emulator !== undefined) {
    const { status, said } = holdfast(
      'run',
      own,
      installed.lightningd,
      `--lightning-dir=${join(dir, 'pinned')}`,
    );
    row(
      `run ${own}`,
      status === 125 && said.includes('cannot pin: '),
      `refused, for ${emulator} makes up /proc/self/stat`,
    );
    continue;
  }
  await attempt(`run ${own}`, async () => {
    const node = await start(installed, cli, `with${own}`, own);
    row(`run ${own}`, node.ask('open').stdout.includes('ok v26.03'), node.output());
    node.ask('stop');
  });
}

if (emulator !== undefined) {
  console.log(
    `skipped  run --on-upgrade=restart: the parent tells by /proc/PID/exe that its child is lightningd by now`,
  );
} else {
  await attempt('run --on-upgrade=restart', async () => {
    const newest = makeCInstallation(join(dir, 'newest'), 'v26.06', { libraryDir, pythonPlugin: false });
    const node = await start(installed, cli, 'parent', '--on-upgrade=restart');
    upgrade('rename', newest.prefix, installed.prefix);
    const deadline = Date.now() + 300_000;
    while (!node.ask('getinfo').stdout.includes('v26.06') && Date.now() < deadline) await sleep(500);
    row('run --on-upgrade=restart', node.ask('open').stdout.includes('ok v26.06'), node.output());
    node.ask('stop');
  });
}
