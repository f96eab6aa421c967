/** The text of `doctor`. Pure. */
import type { DoctorReport } from '../commands/doctor/report.ts';

const LEVELS = { ok: 'ok', warning: 'warning', problem: 'PROBLEM' } as const;

/** A line for each check, with what to do below it, and a summary at the end. */
export function renderDoctor({ checks }: DoctorReport): string {
  const lines = checks.flatMap(({ name, level, says, todo }) => [
    `${LEVELS[level].padEnd(8)} ${name.padEnd(10)} ${says}`,
    ...todo.map(line => `${' '.repeat(20)}${line}`),
  ]);
  const count = (wanted: string): number => checks.filter(({ level }) => level === wanted).length;
  const problems = count('problem');
  lines.push(
    problems === 0
      ? `holdfast can work here (${count('warning')} of ${checks.length} with a warning)`
      : `a launch would fail: ${problems} of ${checks.length} with a problem`,
  );
  return lines.map(line => `${line}\n`).join('');
}
