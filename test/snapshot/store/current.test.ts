/** The link `current`. */
import { lstatSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { Directory } from '../../../src/linux/files/directory.ts';
import { readCurrent, setCurrent } from '../../../src/snapshot/store/current.ts';
import { isStagingName } from '../../../src/snapshot/store/layout.ts';
import { closing } from '../../helpers/plain.ts';
import { tempDir } from '../../helpers/stand-in.ts';

const [ONE, OTHER] = ['aaaaaaaaaaaaaaaa', '/fallback/bbbbbbbbbbbbbbbb'];

function makeStore() {
  const path = tempDir();
  return { path, store: closing(Directory.open(path)), link: join(path, 'current') };
}

test('it is what it was set to, and nothing else is left beside it', () => {
  const { path, store } = makeStore();
  expect(readCurrent(store)).toBeUndefined();
  for (const target of [ONE, OTHER, ONE]) {
    setCurrent(store, target, 1);
    expect(readCurrent(store)).toBe(target);
  }
  expect(readdirSync(path)).toEqual(['current']);
});

test('where it leads there already it is left as it is', () => {
  const { store, link } = makeStore();
  setCurrent(store, ONE, 1);
  const before = lstatSync(link, { bigint: true });
  setCurrent(store, ONE, 1);
  expect(lstatSync(link, { bigint: true })).toMatchObject({ ino: before.ino, ctimeNs: before.ctimeNs });
});

test('whoever reads it while it is replaced finds the one or the other', async () => {
  const { store, link } = makeStore();
  setCurrent(store, ONE, 1);
  const read = `const { parentPort, workerData } = require('node:worker_threads');
    const { readlinkSync } = require('node:fs');
    const seen = new Set();
    let stop = false;
    parentPort.once('message', () => { stop = true; });
    const look = () => {
      for (let n = 0; n < 200; n++) {
        try { seen.add(readlinkSync(workerData)); } catch ({ code }) { seen.add(code); }
      }
      if (stop) parentPort.postMessage([...seen].sort()); else setImmediate(look);
    };
    parentPort.postMessage('ready');
    look();`;
  const reader = new Worker(read, { eval: true, workerData: link });
  const answer = () => new Promise(resolve => reader.once('message', resolve));
  await answer();
  for (let n = 0; n < 2000; n++) setCurrent(store, n % 2 === 0 ? OTHER : ONE, 1);
  reader.postMessage('stop');
  expect(await answer()).toEqual([OTHER, ONE]);
  await reader.terminate();
});

test('what is there and no link leads nowhere, and a directory is not replaced', () => {
  const { path, store, link } = makeStore();
  mkdirSync(link);
  writeFileSync(join(link, 'precious'), '');
  expect(readCurrent(store)).toBeUndefined();
  expect(() => setCurrent(store, ONE, 1)).toThrow(
    expect.objectContaining({ code: 'SYSTEM', path: link, errno: expect.stringMatching(/EISDIR|EEXIST/) }),
  );
  expect(readdirSync(link)).toEqual(['precious']);
  // what the next wipe takes for left over
  expect(
    readdirSync(path)
      .filter(name => name !== 'current')
      .every(isStagingName),
  ).toBe(true);
});

test('what it leads to is not touched, though it is a link as well', () => {
  const { path, store, link } = makeStore();
  symlinkSync('elsewhere', join(path, ONE));
  symlinkSync(ONE, link);
  setCurrent(store, OTHER, 1);
  expect(readlinkSync(join(path, ONE))).toBe('elsewhere');
});
