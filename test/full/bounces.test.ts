// A real server accepts emails and cannot deliver them: what it sends back is shown with the email, and believed of each recipient.
import { freePort } from '../../dev/ports';
import { untilState } from '../support/emails';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../support/service';
import { startPostfix, type Postfix } from '../support/smtp/postfix';
import { startSmtpServer, type SmtpServer } from '../support/smtp/smtp-server';
import { startSubmission, type Submission } from '../support/smtp/submission';
import { eventually } from '../support/wait';

const QUEUE = 'acme/app';

let service: Service;
let postfix: Postfix;
let door: Submission;
/** It takes nobody. */
let refusing: SmtpServer;

beforeAll(async () => {
  const port = await freePort();
  refusing = await startSmtpServer({
    script: {
      rcpt: ({ recipient = '' }) =>
        recipient.endsWith('@gone.example') ? '550 5.1.1 no such user here' : '552 5.2.2 mailbox full',
    },
  });
  const routes = { 'gone.example': refusing.port, 'full.example': refusing.port, 'acme.example': port };
  const lines = Object.entries(routes).map(([domain, to]) => `{${domain} = smtp:[127.0.0.1]:${to}}`);
  postfix = await startPostfix([`transport_maps = inline:{ ${lines.join(', ')} }`]);
  service = await startService();
  door = await startSubmission(service, { ROHRPOST_BOUNCE_PORT: String(port) });
  await setUpQueue(service, QUEUE, postfix.port);
  await service.ok('PATCH', '/v1/tenants/acme/transports/default', {
    returnPath: { address: 'bounce+{tag}@acme.example' },
  });
});
afterAll(async () => {
  await postfix.stop();
  expect(await door.end('SIGTERM')).toBe(0);
  await service.close();
  await refusing.close();
});

/** Sends an email. @returns it, as it is shown when its report has arrived */
const sendAndHear = async (to: string[]): Promise<EmailBody> => {
  const { id } = await service.ok<EmailBody>('POST', `/v1/queues/${QUEUE}/emails`, anEmail({ to }));
  await untilState(service, QUEUE, id, 'sent');
  // The line is logged when the report is taken, before Postfix hears so.
  const arrived = () =>
    expect(door.log.filter((line) => line.includes('reported on') && line.includes(id))).toHaveLength(1);
  await eventually(async () => arrived(), { timeout: 20_000 });
  return service.email(QUEUE, id);
};

const isSuppressed = async (address: string): Promise<boolean> =>
  (await service.call('GET', `/v1/tenants/acme/suppressions/${address}`)).status === 200;

test('an email that Postfix bounces stays sent, and shows so at once', async () => {
  expect(await sendAndHear(['ann@gone.example'])).toMatchObject({
    state: 'sent',
    recipients: { bounced: [{ recipient: 'ann@gone.example', status: '5.1.1' }] },
  });
  expect(await isSuppressed('ann@gone.example')).toBe(true);
});

test('of several recipients each has its own fate, and none is suppressed for what another may have written', async () => {
  const email = await sendAndHear(['bob@gone.example', 'cid@full.example', 'dora@example.org']);
  const { bounced } = email['recipients'] as { bounced: { recipient: string; status: string }[] };
  expect(bounced.map(({ recipient, status }) => `${recipient} ${status}`).sort()).toEqual([
    'bob@gone.example 5.1.1',
    'cid@full.example 5.2.2',
  ]);
  expect(await isSuppressed('bob@gone.example')).toBe(false);
  expect(await isSuppressed('cid@full.example')).toBe(false);
  expect(await isSuppressed('dora@example.org')).toBe(false);
});
