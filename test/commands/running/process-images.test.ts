/** Images of processes that execute something else by the time that they are looked at. */
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { readImages } from '../../../src/commands/running/process-images.ts';
import { listProcesses } from '../../../src/linux/proc/processes.ts';
import { copyOfSleep, Running, script, until } from '../../helpers/running.ts';

const running = new Running();
afterEach(() => running.end());

test.each(['a program', 'a script'])(
  '%s that was executed since the list was made: path and digest are of one file, the new one',
  async kind => {
    const dir = realpathSync(running.directory());
    const sleep = copyOfSleep(join(dir, 'sleep'));
    const next = kind === 'a program' ? sleep : script(join(dir, 'next.sh'), '#!/bin/bash\nread line\n');
    const child = await running.start('sh', ['-c', `read word; exec ${next} 1000`], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const { processes } = listProcesses();
    const before = processes.filter(({ pid }) => pid === child.pid);
    expect(before).toHaveLength(1);
    child.stdin?.write('go\n');
    const comm = kind === 'a program' ? 'sleep' : 'next.sh';
    await until(
      'it to become another',
      () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === `${comm}\n`,
    );
    const images = await readImages(before);
    expect(images.get(child.pid)).toMatchObject({
      program: next,
      sha256: createHash('sha256').update(readFileSync(next)).digest('hex'),
    });
  },
);
