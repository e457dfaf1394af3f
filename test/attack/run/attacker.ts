// The attacker, a process of its own: sends hostile requests from several connections at once and looks at each answer.
import { Pool } from 'undici';
import { requireDeclared } from '../../support/http/declared-answer';
import { createDraw, type Draw } from './draw';
import { operationsOf, type Document } from './document';
import { knownAttacks } from './known-attacks';
import { derive, type HostileRequest, type Role, type Targets } from './requests';
import type { AttackTask, AttackerOrder, AttackerReport, Fault } from './report';

const task = JSON.parse(process.argv[2] ?? '{}') as AttackTask;
/** Requests that somebody thought of, among those derived from the document. */
const KNOWN_SHARE = 0.2;
/** Ids that requests aim at: the last that were given out. */
const IDS_KEPT = 60;
/** Faults of one kind are shown once or twice, not by the thousand. */
const FAULTS_SHOWN = 40;
/** Answers that take longer are told, so that they can be laid beside the stalls. ms */
const SLOW_MS = 60;
const PATIENCE_MS = 30_000;
const ASK_MS = 50;
/** For requests that are under way when the attack is to end. */
const LAST_MS = 3_000;

let keys = task.keys;
let ending = false;
let askToEnd: () => void = () => undefined;
const asked = new Promise<void>((resolve) => (askToEnd = resolve));
const ids: string[] = [];
/** Whose key an attack has revoked: as a wrong one, it would soon be all that the address is known for. */
const revoked = new Set<Role>();
const report = (): AttackerReport => ({ statuses: {}, faults: [], slow: [], unanswered: {}, bytes: 0, refusedKeys: 0 });
let current = report();
let faultsSaid = 0;

const pool = new Pool(`http://127.0.0.1:${task.port}`, {
  connections: task.clients,
  headersTimeout: PATIENCE_MS,
  bodyTimeout: PATIENCE_MS,
});

const fault = (found: Fault): void => {
  if (faultsSaid++ < FAULTS_SHOWN) current.faults.push(found);
};

const remember = (text: string): void => {
  for (const [, id] of text.slice(0, 20_000).matchAll(/"id":"([a-z0-9_]{8,40})"/g)) ids.push(id ?? '');
  ids.splice(0, ids.length - IDS_KEPT);
};

/** What of an answer may not be: a 5xx that is no refusal for now, a refusal that is no problem document, what is not declared. */
const look = (request: HostileRequest, status: number, headers: Headers, text: string): void => {
  const { label, operation } = request;
  if (status >= 500 && status !== 503 && status !== 507) {
    fault({ kind: `status ${status}`, label, path: request.path, body: sample(request), answer: text.slice(0, 500) });
    return;
  }
  try {
    const isJson = /json/.test(headers.get('content-type') ?? '');
    const body: unknown = isJson ? JSON.parse(text) : text === '' ? undefined : text;
    requireDeclared(operation.method, request.path, { status, headers, body });
  } catch (error) {
    fault({
      kind: 'not as declared',
      label,
      path: request.path,
      body: sample(request),
      answer: `${status} ${(error as Error).message.slice(0, 500)}`,
    });
  }
};

const sample = ({ body }: HostileRequest): string => body?.subarray(0, 300).toString('latin1') ?? '';

const send = async (request: HostileRequest): Promise<void> => {
  const { label, operation, role, body } = request;
  while (role !== undefined && revoked.has(role) && !ending)
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
  const begun = Date.now();
  current.bytes += body?.length ?? 0;
  try {
    const answer = await pool.request({
      method: operation.method,
      path: request.path,
      headers: { ...request.headers, ...(role !== undefined && { authorization: `Bearer ${keys[role]}` }) },
      body: body ?? null,
    });
    const text = await answer.body.text();
    current.statuses[answer.statusCode] = (current.statuses[answer.statusCode] ?? 0) + 1;
    const headers = new Headers(
      Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]),
    );
    if (answer.statusCode === 401 && role !== undefined) {
      revoked.add(role);
      current.refusedKeys++;
    }
    look(request, answer.statusCode, headers, text);
    if (answer.statusCode < 300) remember(text);
  } catch (error) {
    if (ending) return;
    const code = `${(error as { code?: string }).code ?? (error as Error).message}, ${label.split(':')[0]}`;
    current.unanswered[code] = (current.unanswered[code] ?? 0) + 1;
  }
  if (Date.now() - begun > SLOW_MS) current.slow.push({ label, from: begun, to: Date.now() });
};

const targets = (draw: Draw): Targets => ({
  tenant: [...Array<string>(9).fill('a'), 'b'],
  application: ['app', 'app', 'slow', 'loud', `made-${draw.below(5)}`],
  name: ['default', 'receipt', 'hostile', 'runaway', 'silent', `made-${draw.below(5)}`],
  version: ['1', '2', '0', '-1', '99999999999999999999'],
  id: ids.length > 0 ? ids : ['m_0'],
});

const attack = async (): Promise<void> => {
  const document = (await (await fetch(`http://127.0.0.1:${task.port}/openapi.json`)).json()) as Document;
  const operations = operationsOf(document);
  const known = knownAttacks(operations);
  // What takes a body can be wrong in more ways.
  const weighed = operations.flatMap((operation) => (operation.body ? [operation, operation, operation] : [operation]));
  const client = async (draw: Draw): Promise<void> => {
    while (!ending) await send(draw.chance(KNOWN_SHARE) ? known(draw) : derive(document, weighed, targets(draw), draw));
  };
  const all = Promise.all(Array.from({ length: task.clients }, (_, n) => client(createDraw(task.seed * 1_000 + n))));
  // What waits for a silent host would keep the end waiting, too.
  await Promise.race([all, asked.then(() => new Promise((resolve) => setTimeout(resolve, LAST_MS)))]);
  await pool.destroy();
};

const tell = (ended: boolean): void => {
  process.send?.({ ...current, ended });
  current = report();
};

process.on('message', (order: AttackerOrder) => {
  if (order.keys !== undefined) {
    keys = { ...keys, ...(order.keys as Record<Role, string>) };
    revoked.clear();
  }
  if (!order.end) return;
  ending = true;
  askToEnd();
});
process.once('disconnect', () => process.exit(0));
const timer = setInterval(() => tell(false), 500);
process.send?.({});
void attack().then(
  () => {
    clearInterval(timer);
    tell(true);
    process.disconnect();
  },
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
