// The demo tenant, so that the first mail is one command away: set up once, then left to its user.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readReadyTemplates } from './ready-templates';
import { writePrivate } from './secrets';

export interface Demo {
  key: string;
}

interface DemoOptions {
  /** The folder of the project. */
  root: string;
  dataDir: string;
  /** Where the API listens, without a slash at the end. */
  api: string;
  operatorKey: string;
  inboxSmtpPort: number;
}

/** What is kept between starts: the sender's key (the API shows it once), and where the inbox was. */
interface DemoRecord {
  key: string;
  inboxSmtpPort: number;
}

const TENANT = '/v1/tenants/demo';
const TRANSPORT = `${TENANT}/transports/default`;
const TEMPLATE = `${TENANT}/templates/welcome`;
const QUEUE = '/v1/queues/demo/app';

const WELCOME = {
  subject: 'Welcome, <%= it.name %>',
  html: `<!doctype html>
<div style="max-width:32rem;margin:2rem auto;padding:0 1rem;font:16px/1.6 system-ui,sans-serif;color:#22252b">
  <h1 style="font-size:1.5rem">Welcome, <%= it.name %>!</h1>
  <p>This mail waited in the queue <b>demo/app</b> and was rendered the moment it was sent.</p>
  <p>Change the template, send again, and see the difference.</p>
</div>
`,
};

type Json = Record<string, unknown>;
type Call = (method: string, path: string, body?: unknown, key?: string) => Promise<{ status: number; body: Json }>;

const caller =
  ({ api, operatorKey }: DemoOptions): Call =>
  async (method, path, body, key = operatorKey) => {
    const response = await fetch(`${api}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    const answer = { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as Json) : {} };
    if (response.ok || response.status === 404 || response.status === 401) return answer;
    throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
  };

const readRecord = (file: string): DemoRecord | undefined => {
  if (!existsSync(file)) return undefined;
  try {
    const { key, inboxSmtpPort } = JSON.parse(readFileSync(file, 'utf8')) as Partial<DemoRecord>;
    return key === undefined || inboxSmtpPort === undefined ? undefined : { key, inboxSmtpPort };
  } catch {
    return undefined;
  }
};

/** Puts what is not there; what is there may have been changed by its user. */
const putMissing = async (call: Call, path: string, body: Json): Promise<void> => {
  if ((await call('GET', path)).status !== 404) return;
  const { status } = await call('PUT', path, body);
  if (status === 404 || status === 401) throw new Error(`PUT ${path} answered ${status}`);
};

const setUp = async (call: Call, root: string, port: number): Promise<void> => {
  await putMissing(call, TENANT, {});
  await putMissing(call, TRANSPORT, { host: '127.0.0.1', port, security: 'none' });
  await putMissing(call, TEMPLATE, WELCOME);
  for (const { name, input } of readReadyTemplates(root)) await putMissing(call, `${TENANT}/templates/${name}`, input);
  await putMissing(call, QUEUE, { from: 'Demo <demo@rohrpost.example>' });
};

/** The inbox has moved: the transport moves along if it still points at the old place. */
const followInbox = async (call: Call, before: number, now: number): Promise<void> => {
  const { status, body } = await call('GET', TRANSPORT);
  if (before === now || status === 404 || body['host'] !== '127.0.0.1' || body['port'] !== before) return;
  // The inbox asks for no login: one with a login leads elsewhere, and its password would not go along.
  if (body['auth'] === undefined) await call('PATCH', TRANSPORT, { port: now });
};

const hasTenants = async (call: Call): Promise<boolean> => {
  const { body } = await call('GET', '/v1/tenants');
  return Object.values(body).some((list) => Array.isArray(list) && list.length > 0);
};

const issueKey = async (call: Call): Promise<string> => {
  const wanted = { role: 'sender', tenant: 'demo', application: 'app', name: 'demo' };
  const { status, body } = await call('POST', '/v1/keys', wanted);
  if (typeof body['key'] !== 'string') throw new Error(`POST /v1/keys answered ${status} without a key`);
  return body['key'];
};

/**
 * Sets up the demo tenant on the first start, and keeps it pointed at the inbox later. Safe to repeat.
 * @returns undefined where the tenant was removed by its user: then it stays away
 * @throws where the API does not do what is asked
 */
export const ensureDemo = async (options: DemoOptions): Promise<Demo | undefined> => {
  const { dataDir, inboxSmtpPort } = options;
  const call = caller(options);
  const file = join(dataDir, 'demo.json');
  const before = readRecord(file);
  const isThere = (await call('GET', TENANT)).status !== 404;
  // A Redis without any tenant is a new one, even where the data folder is not.
  if (before !== undefined && !isThere && (await hasTenants(call))) return undefined;
  if (before === undefined || !isThere) await setUp(call, options.root, inboxSmtpPort);
  else await followInbox(call, before.inboxSmtpPort, inboxSmtpPort);

  const known = before && (await call('GET', `${QUEUE}/emails?limit=1`, undefined, before.key)).status === 200;
  const key = known ? before.key : await issueKey(call);
  writePrivate(file, `${JSON.stringify({ key, inboxSmtpPort } satisfies DemoRecord)}\n`);
  return { key };
};
