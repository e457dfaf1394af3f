// Fills a whole installation: a million emails in one history, ten thousand queues with a few each.
import { idBound, newEmailId } from '../../libs/jobs/layout/email-id';
import { createQueues } from '../../libs/jobs/layout/queues';
import { announceWhereabouts } from '../../libs/jobs/layout/whereabouts';
import { declareWhole, enterWhereabouts } from '../../libs/jobs/repair/repair-whereabouts';
import { addEmails } from '../../libs/jobs/transitions/add';
import { KEYS, tenantKeys } from '../../libs/store/redis/keys';
import { eventually } from '../../test/support/wait';
import type { Child } from './child';
import { setUpTenant, type Lab } from './lab';
import { recipientOf, TEMPLATE, templated } from './mail';
import { seedHistory } from './seed';

/** The tenants that share the queues. */
export const TENANTS = 100;
/** Emails to each recipient of the full history. */
export const EACH = 200;
/** Emails of each other queue, over this time. */
export const FEW = 5;
export const SPREAD_MS = 30 * 86_400_000;

/** Queues with a few emails each that wait, over the last month; as the API would have entered them. */
export const fillQueues = async ({ client }: Lab, queues: number): Promise<void> => {
  const open = createQueues({ redis: client, waits: true });
  const now = Date.now();
  for (let n = 0; n < queues; n++) {
    const address = { tenant: `t${n % TENANTS}`, application: `app-${Math.floor(n / TENANTS)}` };
    const dates = JSON.stringify({
      settings: {},
      createdAt: new Date(now).toISOString(),
      updatedAt: new Date(now).toISOString(),
    });
    await client.hset(KEYS.tenants, address.tenant, dates);
    await client.hset(tenantKeys(address.tenant).queues, address.application, dates);
    const queue = open.open(address);
    const emails = Array.from({ length: FEW }, (_, k) => {
      const acceptedAt = now - Math.floor(((k + Math.random()) * SPREAD_MS) / FEW);
      const id = k === 0 ? newEmailId(acceptedAt) : idBound(acceptedAt);
      const email = {
        v: 1 as const,
        rev: 1,
        domain: 'mail.bench',
        to: [{ address: `q${n}-${k}@host${n % 997}.example` }],
        subject: `Hello ${n}`,
        text: 'Hello',
        expiresAt: '2035-01-01T00:00:00.000Z',
        sendAt: '2034-01-01T00:00:00.000Z',
      };
      return { id, email, acceptedAt, due: Date.parse('2034-01-01T00:00:00.000Z'), priority: 10 };
    });
    for (const one of emails) await announceWhereabouts(client, queue, [one]);
    await addEmails(client, queue, emails);
  }
};

/** A queue `acme/full` with so many sent emails. Afterwards nothing of Redis is written to the disk any more. */
export const fillHistory = async (lab: Lab, api: Child, smtpPort: number, emails: number): Promise<void> => {
  await setUpTenant(lab, api, 'acme', smtpPort, TEMPLATE);
  const worker = await lab.start('worker');
  await lab.call(api, 'POST', '/queues/acme/full/emails', templated(0));
  await eventually(async () => {
    const { counts } = await lab.call<{ counts: Record<string, number> }>(api, 'GET', '/queues/acme/full');
    if (counts['sent'] !== 1) throw new Error('the first email was not sent');
  });
  await worker.end();
  await lab.client.config('SET', 'appendonly', 'no');
  const addresses = Math.ceil(emails / EACH);
  await seedHistory(
    lab.client,
    { tenant: 'acme', application: 'full' },
    { recipient: recipientOf(0), copies: emails, recipientOf: (n) => recipientOf(n % addresses) },
  );
  // As after a look through the data of an earlier version.
  await lab.client.del(KEYS.whereaboutsWhole);
  const full = createQueues({ redis: lab.client, waits: true }).open({ tenant: 'acme', application: 'full' });
  await enterWhereabouts(lab.client, full, Date.now());
  await declareWhole(lab.client);
};
