// The name that a server gives to a message, in the words of many servers.
import { queueIdOf } from './queue-id';

test.each<[string, string, string | undefined]>([
  ['Postfix', '2.0.0 Ok: queued as 4Xk2qv1QpZz9rxK', '4Xk2qv1QpZz9rxK'],
  ['a filter before Postfix', '2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 5B1C23F4', '5B1C23F4'],
  ['MailHog', 'Ok: queued as Zk3bPq-1=@mailhog.example', 'Zk3bPq-1='],
  ['Exim', 'OK id=1rAbcD-000000-0A', '1rAbcD-000000-0A'],
  ['KumoMTA', 'OK ids=d7ef132b5d7711eea8c8000c29c33806', 'd7ef132b5d7711eea8c8000c29c33806'],
  ['qmail', 'ok 1700000000 qp 12345', '12345'],
  ['Exchange', '2.6.0 <a@b.example> [InternalId=8392842, Hostname=x.example] Queued mail for delivery', '8392842'],
  ['Gmail', '2.0.0 OK  1700000000 d9443c01a7336-1d4.12 - gsmtp', 'd9443c01a7336-1d4.12'],
  [
    'Amazon SES',
    'Ok 0102018c1a2b3c4d-12345678-1234-1234-1234-123456789abc-000000',
    '0102018c1a2b3c4d-12345678-1234-1234-1234-123456789abc-000000',
  ],
  ['OpenSMTPD, Sendmail', '2.0.0 5d5a1234 Message accepted for delivery', '5d5a1234'],
  ['Haraka', 'Message Queued (4F2E9A10-3B2D-4B6E-9A53-2F1B5A3C7D11.1)', '4F2E9A10-3B2D-4B6E-9A53-2F1B5A3C7D11.1'],
  ['Stalwart', '2.0.0 Message queued with id 1a2b3c4d.', '1a2b3c4d'],
  ['hMailServer', 'Queued (0.5 seconds)', undefined],
  ['somebody', '2.0.0 OK', undefined],
  ['nobody', '', undefined],
])('%s', (_server, text, id) => {
  expect(queueIdOf(text)).toBe(id);
});
