#!/usr/bin/env node
// What `npx rohrpost` runs in a checkout: the command line as it was built.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../dist/apps/cli/main.js', import.meta.url));
if (existsSync(built)) await import(built);
else {
  console.error('rohrpost is not built yet: run npm start, or npm run build, first.');
  process.exitCode = 2;
}
