#!/usr/bin/env node
/** A plugin that does nothing, and fails once where a file named `fail` lies beside it: what a new version may do to one. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const fail = join(import.meta.dirname, 'fail');
if (existsSync(fail)) {
  rmSync(fail);
  process.exit(1);
}
process.stdin.setEncoding('utf8').on('data', text => {
  for (const request of text.toString().split('\n\n').filter(Boolean)) {
    const { id, method } = JSON.parse(request);
    const result = method === 'getmanifest' ? { dynamic: false, options: [], rpcmethods: [] } : {};
    if (id !== undefined) process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
  }
});
