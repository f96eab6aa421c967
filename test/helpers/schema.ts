import { join } from 'node:path';
import { Ajv } from 'ajv';
import { readJsonSync } from 'fs-extra/esm';

const schemas = join(import.meta.dirname, '../../docs/schema');

/** Parses what a command printed: one line with one object, as `docs/schema/<name>.json` has it. @throws where not */
export function readJson(name: string, stdout: string): ReturnType<typeof JSON.parse> {
  if (!/^\{.*\}\n$/.test(stdout)) throw new Error(`not one JSON object in one line:\n${stdout}`);
  const value: unknown = JSON.parse(stdout);
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  if (!ajv.validate(readJsonSync(join(schemas, `${name}.json`)), value)) {
    throw new Error(`docs/schema/${name}.json: ${ajv.errorsText()}\n${JSON.stringify(value, null, 2)}`);
  }
  return value;
}
