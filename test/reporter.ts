/**
 * What stands at the end of `npm test`: in one line what was skipped, why, and what would bring it; then the counts.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/** Reasons that are named before the rest is only counted. */
const FEW = 4;

export class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const reasons = new Map<string, number>();
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed += 1; // it could not be loaded: none of its tests ran
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'pending') continue;
        counts[result.state] += 1;
        if (result.state !== 'skipped') continue;
        const reason = result.note ?? 'no reason given';
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    }
    if (counts.skipped > 0) console.log(`skipped: ${wordReasons(reasons)}${wordPackages()}`);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}

function wordReasons(reasons: ReadonlyMap<string, number>): string {
  const sorted = [...reasons].sort(([, a], [, b]) => b - a);
  const rest = sorted.slice(FEW).reduce((sum, [, count]) => sum + count, 0);
  const named = sorted.slice(0, FEW).map(([reason, count]) => `${count} (${reason})`);
  return [...named, ...(rest > 0 ? [`${rest} for other reasons`] : [])].join(', ');
}

function wordPackages(): string {
  const script = join(import.meta.dirname, '../scripts/test-packages.sh');
  const missing = execFileSync(script, { encoding: 'utf8' }).trim();
  return missing === '' ? '' : `; more would run after: apt-get install ${missing}`;
}
