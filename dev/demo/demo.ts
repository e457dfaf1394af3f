// The demo tenant, so that the first mail is one command away: set up once, then left to its user.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readReadyTemplates } from '../ready-templates';
import { writePrivate } from '../secrets';
import { caller, type Call, type Json } from './call';
import { clearDemoEmails, makeDemoEmails } from './emails';

export interface Demo {
  /** May only send to demo/app. */
  key: string;
  /** Administers the tenant: the console is opened with it. */
  admin: string;
}

interface DemoOptions {
  /** The folder of the project. */
  root: string;
  dataDir: string;
  /** Where the API listens, without a slash at the end. */
  api: string;
  operatorKey: string;
  inboxSmtpPort: number;
  /** The Redis is the launcher's own: nothing of the demo is put into one that somebody gives. */
  isOwnRedis: boolean;
}

/** What is kept between starts: the keys (the API shows each once), and where the inbox and the API were. */
interface DemoRecord extends Demo {
  inboxSmtpPort: number;
  api: string;
}

const TENANT = '/v1/tenants/demo';
const TRANSPORTS = `${TENANT}/transports`;
const TRANSPORT = `${TRANSPORTS}/default`;
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

const fileIn = (dataDir: string): string => join(dataDir, 'demo.json');

const readRecord = (file: string): DemoRecord | undefined => {
  if (!existsSync(file)) return undefined;
  try {
    const { key, inboxSmtpPort, admin = '', api = '' } = JSON.parse(readFileSync(file, 'utf8')) as Partial<DemoRecord>;
    return key === undefined || inboxSmtpPort === undefined ? undefined : { key, admin, inboxSmtpPort, api };
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
  await makeDemoEmails(call, port);
};

/** The inbox has moved: transports move along if they still point at the old place. */
const followInbox = async (call: Call, before: number, now: number): Promise<void> => {
  if (before === now) return;
  const { body } = await call('GET', TRANSPORTS);
  for (const { transport, host, port, auth } of (body['transports'] ?? []) as Json[]) {
    // The inbox asks for no login: one with a login leads elsewhere, and its password would not go along.
    if (host !== '127.0.0.1' || port !== before || auth !== undefined) continue;
    await call('PATCH', `${TRANSPORTS}/${String(transport)}`, { port: now });
  }
};

const hasTenants = async (call: Call): Promise<boolean> => {
  const { body } = await call('GET', '/v1/tenants');
  return Object.values(body).some((list) => Array.isArray(list) && list.length > 0);
};

const issueKey = async (call: Call, wanted: Json): Promise<string> => {
  const { status, body } = await call('POST', '/v1/keys', wanted);
  if (typeof body['key'] !== 'string') throw new Error(`POST /v1/keys answered ${status} without a key`);
  return body['key'];
};

/** A key that is kept, where it still holds; else a new one. @param path that it may read */
const keyFor = async (call: Call, kept: string | undefined, path: string, wanted: Json): Promise<string> => {
  const holds = kept !== undefined && kept !== '' && (await call('GET', path, undefined, kept)).status === 200;
  return holds ? kept : issueKey(call, wanted);
};

/**
 * Sets up the demo tenant on the first start, and keeps it pointed at the inbox later. Safe to repeat.
 * @returns undefined where there is none: its user removed it, or the Redis was given
 * @throws where the API does not do what is asked
 */
export const ensureDemo = async (options: DemoOptions): Promise<Demo | undefined> => {
  const { dataDir, inboxSmtpPort, api, isOwnRedis } = options;
  const call = caller(options);
  const file = fileIn(dataDir);
  const before = readRecord(file);
  const isThere = (await call('GET', TENANT)).status !== 404;
  if (!isOwnRedis && (before === undefined || !isThere)) return undefined;
  // A Redis without any tenant is a new one, even where the data folder is not.
  if (before !== undefined && !isThere && (await hasTenants(call))) return undefined;
  if (before === undefined || !isThere) await setUp(call, options.root, inboxSmtpPort);
  else await followInbox(call, before.inboxSmtpPort, inboxSmtpPort);

  const sender = { role: 'sender', tenant: 'demo', application: 'app', name: 'demo' };
  const key = await keyFor(call, before?.key, `${QUEUE}/emails?limit=1`, sender);
  const administrator = { role: 'admin', tenant: 'demo', name: 'demo administrator' };
  const admin = await keyFor(call, before?.admin, TENANT, administrator);
  writePrivate(file, `${JSON.stringify({ key, admin, inboxSmtpPort, api } satisfies DemoRecord)}\n`);
  return { key, admin };
};

/** Where the service with the demo runs, and the key of its administrator. @throws where there is no demo */
export const readDemo = (dataDir: string): { api: string; admin: string } => {
  const record = readRecord(fileIn(dataDir));
  if (record === undefined) throw new Error(`there is no demo in ${dataDir}`);
  return record;
};

/**
 * Takes the demo's emails away, with what was made for them, from the service that runs; the tenant and what its user made stay.
 * @throws where nothing runs, or the API does not do what is asked
 */
export const clearDemo = async (dataDir: string, operatorKey: string): Promise<void> => {
  await clearDemoEmails(caller({ api: readDemo(dataDir).api, operatorKey }), (ms) => pause(ms));
};
