// What an attempt tells of its encryption, and REQUIRETLS: nothing leaves to a server that does not promise it.
import { X509Certificate } from 'node:crypto';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { startSmtpServer } from '../../support/smtp/smtp-server';
import { serverCertificate, testCa } from '../../support/smtp/tls';
import { eventually } from '../../support/wait';

let service: Service;

beforeAll(async () => {
  service = await startService({ workers: 1 });
});
afterAll(() => service.close());

/** The attempts of an email, once one has ended. */
const attemptsOf = (queue: string, id: string): Promise<EmailBody['attempts']> =>
  eventually(async () => {
    const { attempts } = await service.email(queue, id);
    expect(attempts.length).toBeGreaterThan(0);
    return attempts;
  });

test.each([
  ['starttls', 'starttls'],
  ['implicit', 'tls'],
  [undefined, 'none'],
] as const)(
  'with TLS %s each attempt says version, cipher and certificate, and nothing where it is plain',
  async (tls, security) => {
    const smtp = await startSmtpServer({ ...(tls && { tls }), script: { rcpt: () => '550 5.1.1 nobody here' } });
    const { queue, emails } = await setUpQueue(service, `told/${security}`, smtp.port);
    const transport = { host: '127.0.0.1', port: smtp.port, security, tls: { ca: testCa } };
    await service.ok('PUT', '/v1/tenants/told/transports/default', transport);
    const { id } = await service.ok<EmailBody>('POST', emails, anEmail());
    const [attempt] = await attemptsOf(queue, id);
    expect(attempt).toMatchObject({ outcome: 'refused' });
    const { fingerprint256: fingerprint } = new X509Certificate(serverCertificate);
    const told = { version: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/) as string, fingerprint };
    expect((attempt as { tls?: unknown }).tls).toEqual(security === 'none' ? undefined : told);
    await smtp.close();
  },
);

test('REQUIRETLS is said where the server offers it; one that does not is down for the transport, and gets nothing', async () => {
  const { queue, emails } = await setUpQueue(service, 'required/app', 1, { log: 'dialogue', attempts: 3 });
  const path = '/v1/tenants/required/transports/default';
  const asking = { host: '127.0.0.1', security: 'starttls', tls: { ca: testCa, requireTls: true } };

  const old = await startSmtpServer({ tls: 'starttls' });
  await service.ok('PUT', path, { ...asking, port: old.port });
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail({ backoff: { type: 'fixed', delay: '1h' } }));
  expect(await attemptsOf(queue, id)).toMatchObject([
    { outcome: 'deferred', text: expect.stringContaining('does not offer REQUIRETLS (RFC 8689)') as string },
  ]);
  expect(await service.ok('POST', `${path}/verify`)).toMatchObject({ ok: false, phase: 'ehlo' });
  await old.close();
  expect(old.messages).toHaveLength(0);

  const next = await startSmtpServer({ tls: 'starttls', extensions: ['8BITMIME', 'REQUIRETLS'] });
  await service.ok('PUT', path, { ...asking, port: next.port });
  await service.ok('POST', `${emails}/${id}/send-now`);
  await next.waitForMessages(1);
  await eventually(async () => expect((await service.email(queue, id)).state).toBe('sent'));
  const { attempts } = await service.email(queue, id);
  expect(JSON.stringify(attempts.at(-1))).toMatch(/C: MAIL FROM:<[^>]*>[^"]* REQUIRETLS/);
  await next.close();

  const plain = await startSmtpServer();
  await service.ok('PUT', path, { ...asking, security: 'none', port: plain.port });
  expect(await service.ok('POST', `${path}/verify`)).toMatchObject({
    ok: false,
    reply: expect.stringContaining('needs TLS') as string,
  });
  await plain.close();
});
