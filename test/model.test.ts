/** docs/model: three rows of its table, and that its page names files that there are. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { works } from './helpers/running.ts';

const TOP = join(import.meta.dirname, '..');

test('the shortest rows of the model come out as the table says', ctx => {
  const path = `${process.env.PATH}:/usr/games`;
  const has = (program: string) => works('env', `PATH=${path}`, 'sh', '-c', `command -v ${program}`);
  const missing = ['spin', 'gcc'].filter(program => !has(program));
  if (missing.length > 0) ctx.skip(`not installed: ${missing.join(', ')}`);
  const rows = ['no-upgrade', 'on-upgrade', 'mut-1-lock-after-publish'];
  const { status, stdout, stderr } = spawnSync(join(TOP, 'docs/model/run.sh'), rows, { encoding: 'utf8' });
  expect({ status, stderr, said: stdout.includes('expected:') }, stdout).toEqual({
    status: 0,
    stderr: '',
    said: false,
  });
  console.log(stdout);
}, 300_000);

test('the page of the model names files and rows that there are', () => {
  const page = readFileSync(join(TOP, 'docs/model/README.md'), 'utf8');
  const named = [...page.matchAll(/\b(?:src|test)\/[\w./-]+\.ts\b/g)].map(([path]) => path);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(path => !existsSync(join(TOP, path)))).toEqual([]);
  const table = readFileSync(join(TOP, 'docs/model/run.sh'), 'utf8');
  const rows = [...table.matchAll(/^([a-z][a-z0-9-]+) +\| [a-z_]+ +\|/gm)].map(([, row]) => row ?? '');
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.filter(row => !page.includes(`\`${row}\``))).toEqual([]);
});
