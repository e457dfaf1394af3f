// Traces, in real processes with an SDK of OpenTelemetry: one from the caller's POST to the server's reply; and none without one.
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { serviceEnv, startProcess, type ServiceProcess } from '../../support/processes/process';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

interface Span {
  name: string;
  traceId: string;
  spanId: string;
  parent?: string;
  attributes: Record<string, unknown>;
  events: { name: string; attributes: Record<string, unknown> }[];
  links: { context: { traceId: string } }[];
  status: { code: number };
}

let service: Service;
let smtp: SmtpServer;
let redis: Redis;
let api: ServiceProcess;
let worker: ServiceProcess;
let emails: string;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ workers: 0 });
  redis = openClient(service.redis.url);
  const env = { ...serviceEnv(service.redis.url, service.dataDir), ROHRPOST_STOP_DELAY: '1ms' };
  api = await startProcess('api', env, 'tell-spans.mjs');
  worker = await startProcess('worker', env, 'tell-spans.mjs');
  ({ emails } = await setUpQueue(service, 'acme/app', smtp.port));
});
afterAll(async () => {
  redis.disconnect();
  await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')]);
  await service.close();
  await smtp.close();
});

const spansOf = ({ log }: ServiceProcess): Span[] =>
  log.flatMap((line) => (line.startsWith('{"span":') ? [(JSON.parse(line) as { span: Span }).span] : []));

const call = async (method: string, path: string, body: object, headers: Record<string, string> = {}) => {
  const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${OPERATOR_KEY}`,
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      ...headers,
    },
    body: JSON.stringify(body),
  });
  return (await response.json()) as EmailBody;
};
const attemptOf = (id: string): Promise<Span> =>
  eventually(() => {
    const found = spansOf(worker).find(({ attributes }) => attributes['rohrpost.email'] === id);
    if (found === undefined) throw new Error(`no attempt of ${id} was told`);
    return found;
  });
const storedOf = async (id: string) =>
  JSON.parse((await redis.hget(`rohrpost:{acme.app}:acme.app:${id}`, 'data')) ?? '{}') as { traceparent?: string };

const CALLER = '4bf92f3577b34da6a3ce929d0e0e4736';

test('one trace from the POST of a traced caller to the 250, also through a correction; the resent one is linked', async () => {
  const secret = anEmail({ to: ['Zoe <zoe@secret.example>'], subject: 'Hushed', sendAt: '2035-01-01T00:00:00Z' });
  const { id } = await call('POST', emails, secret, { traceparent: `00-${CALLER}-00f067aa0ba902b7-01` });
  const accepted = await eventually(() => {
    const [span] = spansOf(api).filter(({ name }) => name === 'acceptEmail');
    if (span === undefined) throw new Error('no span');
    return span;
  });
  expect([accepted.traceId, accepted.parent]).toEqual([CALLER, '00f067aa0ba902b7']);
  expect(accepted.events).toMatchObject([{ name: 'accepted', attributes: { 'rohrpost.email': id } }]);
  await call('PATCH', `${emails}/${id}`, { text: 'Otherwise', sendAt: null });
  const attempt = await attemptOf(id);
  expect([attempt.traceId, attempt.parent, attempt.status.code]).toEqual([CALLER, accepted.spanId, 0]);
  expect(attempt.attributes).toMatchObject({ 'rohrpost.outcome': 'sent', 'rohrpost.tenant': 'acme' });
  const events = attempt.events.map(({ name }) => name);
  expect(events).toEqual(expect.arrayContaining(['smtp connect', 'smtp mail', 'smtp rcpt', 'smtp dot', 'smtp reply']));
  expect(attempt.events.at(-1)?.attributes['smtp.code']).toBe(250);

  await eventually(async () => expect((await service.email('acme/app', id)).state).toBe('sent'));
  const again = await call('POST', `${emails}/${id}/resend`, {});
  const resent = await attemptOf(again.id);
  const [asked] = spansOf(api).filter(({ name }) => name === 'resendEmail');
  expect(asked?.links.map(({ context }) => context.traceId)).toEqual([CALLER]);
  expect(resent.traceId).toBe(asked?.traceId);
  expect(resent.traceId).not.toBe(CALLER);
  expect(JSON.stringify([...spansOf(api), ...spansOf(worker)])).not.toMatch(
    /zoe|secret|hushed|otherwise|operator-key/i,
  );
});

test('what a trace is kept as may be anything: the attempt begins a trace of its own', async () => {
  const { id } = await call('POST', emails, anEmail({ sendAt: '2035-01-01T00:00:00Z' }), {
    traceparent: '00-nonsense',
  });
  const stored = await storedOf(id);
  expect(stored.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  const hostile = JSON.stringify({ ...stored, traceparent: { toString: 'x'.repeat(10_000) } });
  await redis.hset(`rohrpost:{acme.app}:acme.app:${id}`, 'data', hostile);
  await call('POST', `${emails}/${id}/send-now`, {});
  const attempt = await attemptOf(id);
  expect([attempt.parent, attempt.attributes['rohrpost.outcome']]).toEqual([undefined, 'sent']);
});

test('without an SDK nothing is kept, whatever header a client sends', async () => {
  const given = { headers: { traceparent: `00-${CALLER}-00f067aa0ba902b7-01` } };
  const body = anEmail({ sendAt: '2035-01-01T00:00:00Z' });
  const { id } = await service.ok<EmailBody>('POST', emails, body, given);
  expect(await storedOf(id)).not.toHaveProperty('traceparent');
});
