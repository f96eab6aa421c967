/** What each test found out, as a table at the end of the run. */
import { release } from 'node:os';
import type { TestContext } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';
import { NEW, OLD, versionOf } from './installation.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** what became of a node without holdfast */
    plain?: string;
    /** and with it */
    held?: string;
  }
}

/** Notes a row's cells, as the test comes to know them. */
export function note(ctx: TestContext, cells: { plain?: string; held?: string }): void {
  Object.assign(ctx.task.meta, cells);
}

/** A reporter of vitest that prints the table. */
export class Table implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules.flatMap(module => [...module.children.allTests()]);
    const today = new Date().toISOString().slice(0, 10);
    console.log(
      `\n${versionOf(OLD)} → ${versionOf(NEW)}, ${today}, Linux ${release()}, Node ${process.version}`,
    );
    console.log('\n| what | plain | under holdfast | |\n| --- | --- | --- | --- |');
    for (const test of rows) {
      const { plain = '', held = '' } = test.meta();
      const result = test.result();
      if (result.state === 'skipped' && result.note === undefined) continue; // it was not asked for
      const state = result.state === 'skipped' ? `skipped: ${result.note}` : result.state;
      console.log(
        `| ${[test.name, plain, held, state].map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`,
      );
    }
  }
}
