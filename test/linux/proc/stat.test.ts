import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBootTime, parseStat, parseStatus } from '../../../src/linux/proc/stat.ts';

/** A line as the kernel writes it, around a given comm. */
function line(comm: string, state = 'S', flags = 4194560): string {
  return `4711 (${comm}) ${state} 42 4711 4711 0 -1 ${flags} 88 0 0 0 1 2 0 0 20 0 3 0 987654321 2416640 219 18446744073709551615 0 0\n`;
}

describe('parseStat', () => {
  test('reads the fields that we use', () => {
    expect(parseStat(line('lightningd'))).toEqual({
      pid: 4711,
      comm: 'lightningd',
      state: 'S',
      ppid: 42,
      kernelThread: false,
      threads: 3,
      startTicks: 987654321n,
    });
  });

  test('knows a kernel thread by its flag', () => {
    expect(parseStat(line('kworker/0:1', 'I', 69238880))?.kernelThread).toBe(true);
  });

  test('any comm is read back, whatever brackets, spaces and newlines it holds', () => {
    const character = fc.constantFrom('(', ')', ' ', '\n', 'S', '1', 'a', 'é');
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: character, maxLength: 15 }), fc.string({ maxLength: 15 })),
        comm => {
          const stat = parseStat(line(comm));
          expect(stat).toMatchObject({ pid: 4711, comm, ppid: 42, startTicks: 987654321n });
        },
      ),
    );
  });

  test('a line cut short anywhere before the start time gives nothing, and never throws', () => {
    const whole = line('a) S 1 (b');
    const needed = whole.indexOf('987654321');
    for (let length = 0; length < needed; length++) expect(parseStat(whole.slice(0, length))).toBeUndefined();
    fc.assert(fc.property(fc.string(), text => void parseStat(text)));
  });
});

describe('parseStatus', () => {
  const text =
    'Name:\ta\\nUid:\nUmask:\t0022\nState:\tS (sleeping)\nNSpid:\t900\t7\nUid:\t1000\t1001\t1001\t1001\nCapEff:\t0000000000080000\n';

  test('reads the effective uid and the capabilities', () => {
    expect(parseStatus(text)).toEqual({
      effectiveUid: 1001,
      capEff: 1n << 19n,
    });
  });

  test('gives nothing without a Uid line', () => {
    expect(parseStatus('Name:\tx\n')).toBeUndefined();
  });
});

test('parseBootTime finds btime among the other lines', () => {
  expect(parseBootTime('cpu  1 2 3\nintr 5\nbtime 1700000000\nprocesses 9\n')).toBe(1700000000);
  expect(parseBootTime('cpu  1 2 3\n')).toBeUndefined();
});
