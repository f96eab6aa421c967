import { describe, expect, it } from 'vitest';
import { formatTable } from '../../bench/table.js';

const flat = (median: number) => ({ median, low: median, high: median });

describe('the table', () => {
  it('shows a figure beside its peer with ratio, spread, goal and verdict', () => {
    const row = lastRow({
      kind: 'ratio',
      name: 'unchanged relaunch',
      peer: 'node -e 0',
      holdfast: flat(38.04),
      theirs: flat(26),
      ratio: { median: 1.4631, low: 1.4, high: 1.5 },
      extraMs: flat(12),
      goal: { ratio: 1.5, extraMs: 40 },
      verdict: 'met',
      samples: { holdfast: [38.04], theirs: [26] },
    });
    expect(row).toEqual([
      'unchanged relaunch',
      '38.0 ms',
      'node -e 0',
      '26.0 ms',
      '1.46 (1.40–1.50)',
      '≤ 1.5 ×, ≤ + 40 ms',
      'met',
    ]);
  });

  it('says a missed goal as loudly as a met one, and names what could not be measured', () => {
    const memory = {
      kind: 'limit',
      name: 'peak',
      value: 81.2,
      unit: 'MB',
      nodeAlone: 40,
      goal: 80,
      verdict: 'MISSED',
    } as const;
    expect(lastRow(memory)).toContain('MISSED');
    const absent = { kind: 'absent', name: 'first snapshot', peer: 'ostree', reason: 'no ostree' } as const;
    expect(lastRow(absent).at(-1)).toBe('absent: no ostree');
  });

  it('keeps the columns in line though ≤ and – are several bytes long', () => {
    const lines = formatTable([
      {
        kind: 'growth',
        name: 'files',
        counts: [1, 2, 3],
        times: [flat(1), flat(2), flat(3)],
        growth: 1,
        goal: 1.2,
        verdict: 'met',
      },
      { kind: 'absent', name: 'verify', peer: 'sha256sum -c', reason: 'none' },
    ])
      .trimEnd()
      .split('\n');
    expect(new Set(lines.map(line => [...line].length)).size).toBe(1);
  });
});

function lastRow(result: Parameters<typeof formatTable>[0][number]): string[] {
  const line = formatTable([result]).trimEnd().split('\n').at(-1) ?? '';
  return line
    .slice(1, -1)
    .split('|')
    .map(cell => cell.trim());
}
