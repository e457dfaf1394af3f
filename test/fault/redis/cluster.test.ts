// A Redis Cluster of three nodes: emails are handed in, listed, corrected and sent, and the board shows them.
import { ask, startRedisCluster, type RedisCluster } from '../../support/redis/redis-cluster';
import { anEmail, OPERATOR_KEY, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer, type SmtpServer } from '../../support/smtp/smtp-server';
import { eventually } from '../../support/wait';

let redis: RedisCluster;
let service: Service;
let smtp: SmtpServer;

beforeAll(async () => {
  smtp = await startSmtpServer();
  service = await startService({ startRedis: async (dataDir) => (redis = await startRedisCluster({ dataDir })) });
});
afterAll(async () => {
  await service.close();
  await smtp.close();
});

const TENANTS = ['acme', 'bolt', 'crane', 'dyno', 'ember', 'fern'];

test('queues lie on every node, and their emails are sent, listed, corrected and shown', async () => {
  const paths: string[] = [];
  for (const tenant of TENANTS) paths.push((await setUpQueue(service, `${tenant}/app`, smtp.port)).emails);
  for (const node of redis.nodes) expect(Number(await ask(node, 'DBSIZE'))).toBeGreaterThan(0);

  for (const [index, emails] of paths.entries()) {
    await service.ok('POST', emails, anEmail({ to: [`r${index}@example.org`] }));
    await service.ok('POST', emails, anEmail({ to: [`late@gmial.example`], sendAt: '2035-01-01T00:00:00Z' }));
  }
  await smtp.waitForMessages(TENANTS.length);

  const { emails: late } = await service.ok<{ emails: EmailBody[] }>('GET', '/v1/emails?recipient=late@gmial.example');
  expect(late).toHaveLength(TENANTS.length);
  const [{ id = '' } = {}] = (await service.ok<{ emails: EmailBody[] }>('GET', `${paths[0]}?state=scheduled`)).emails;
  const { headers } = await service.call('GET', `${paths[0]}/${id}`);
  const ifMatch = { 'if-match': headers.get('etag') ?? '', 'content-type': 'application/merge-patch+json' };
  const change = { to: ['late@gmail.example'] };
  expect(await service.call('PATCH', `${paths[0]}/${id}`, change, { headers: ifMatch })).toMatchObject({ status: 200 });
  await service.ok('POST', `${paths[0]}/${id}/send-now`, {});
  await smtp.waitForMessages(TENANTS.length + 1);
  expect(smtp.messages.at(-1)?.to).toEqual(['late@gmail.example']);

  const board = await fetch(`${service.url}/board/api/queues?activeQueue=bolt.app&status=completed`, {
    headers: { authorization: `Basic ${Buffer.from(`x:${OPERATOR_KEY}`).toString('base64')}` },
  });
  expect(board.status).toBe(200);
  const { queues } = (await board.json()) as { queues: { name: string; counts: Record<string, number> }[] };
  expect(queues.find(({ name }) => name === 'bolt.app')?.counts).toMatchObject({ completed: 1, delayed: 1 });
});

test('what is asked of servers is asked of every node, and a tenant that is removed leaves nothing on any', async () => {
  expect(await service.call('GET', '/readyz')).toMatchObject({ status: 200 });
  const [, second] = redis.nodes;
  if (second === undefined) throw new Error('there are three nodes');
  await ask(second, 'CONFIG', 'SET', 'appendonly', 'no');
  await eventually(async () => {
    const { status, body } = await service.call('GET', '/readyz');
    expect(status).toBe(503);
    expect(JSON.stringify(body)).toContain(`127.0.0.1:${second.port}: Redis loses emails when it restarts`);
  });
  await ask(second, 'CONFIG', 'SET', 'appendonly', 'yes');

  // One that has sent nothing: nobody renews what it holds.
  const { emails } = await setUpQueue(service, 'wharf/app', smtp.port);
  const later = anEmail({ sendAt: '2035-01-01T00:00:00Z' });
  const { id } = await service.ok<EmailBody>('POST', emails, later, { headers: { 'idempotency-key': 'once' } });
  await service.ok('POST', `${emails}/${id}/cancel`, {});
  await service.ok('DELETE', '/v1/queues/wharf/app');
  await service.ok('DELETE', '/v1/tenants/wharf');
  for (const pattern of ['rohrpost:{wharf}:*', 'rohrpost:{wharf.*}:key:*'])
    for (const node of redis.nodes) expect(await ask(node, 'KEYS', pattern)).toEqual([]);
});
