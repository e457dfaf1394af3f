// `npm run client`: the types of the TypeScript client, made anew from the OpenAPI document.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOpenapiDocument } from '../apps/api/http/endpoint/openapi';
import { ENDPOINTS } from '../apps/api/routes/all-endpoints';

const root = join(__dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'rohrpost-openapi-'));
const document = join(folder, 'openapi.json');
writeFileSync(document, JSON.stringify(createOpenapiDocument(ENDPOINTS)()));
const tool = join(root, 'node_modules/openapi-typescript/bin/cli.js');
const { status } = spawnSync(process.execPath, [tool, document, '-o', 'clients/typescript/src/schema.ts'], {
  cwd: root,
  stdio: 'inherit',
});
rmSync(folder, { recursive: true });
process.exitCode = status ?? 1;
