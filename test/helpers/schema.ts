/** Holds what a command says with --json against its schema in docs/schema/. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';

const schemas = join(import.meta.dirname, '../../docs/schema');

/** Parses what a command printed: one line with one object, as `docs/schema/<name>.json` has it. @throws where not */
export function readJson(name: string, stdout: string): ReturnType<typeof JSON.parse> {
  if (!/^\{.*\}\n$/.test(stdout)) throw new Error(`not one JSON object in one line:\n${stdout}`);
  const value: unknown = JSON.parse(stdout);
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  if (!ajv.validate(JSON.parse(readFileSync(join(schemas, `${name}.json`), 'utf8')), value)) {
    throw new Error(`docs/schema/${name}.json: ${ajv.errorsText()}\n${JSON.stringify(value, null, 2)}`);
  }
  return value;
}
