// Gives a tenant the templates to start from: `ROHRPOST_KEY=... npm run templates -- <tenant> [<address of the API>]`.
import { join } from 'node:path';
import { readReadyTemplates } from './ready-templates';

const [tenant, api = 'http://127.0.0.1:3000'] = process.argv.slice(2);
const key = process.env['ROHRPOST_KEY'];

const put = async (name: string, input: unknown): Promise<void> => {
  const response = await fetch(`${api}/v1/tenants/${tenant}/templates/${name}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(input),
  });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
  const { version } = (await response.json()) as { version: number };
  console.log(`${name}, version ${version}`);
};

const main = async (): Promise<void> => {
  if (tenant === undefined || key === undefined) {
    throw new Error('ROHRPOST_KEY=<key of an administrator> npm run templates -- <tenant> [<address of the API>]');
  }
  for (const { name, input } of readReadyTemplates(join(__dirname, '..'))) await put(name, input);
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
