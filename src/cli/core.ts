/** What every command but `--help` and `--version` needs, in one import: each file costs a launch a millisecond. */
export { makeChildrenPossible } from '../launch/launch.ts';
export { run } from './commands/run.ts';
export { surroundingsOf } from './context.ts';
