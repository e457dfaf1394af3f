// A few emails in every state, made by the API and the worker themselves, so that there is something to look at and to mend.
import type { Call, Json } from './call';

/** All of them have this tag: by it they are taken away again, and nothing else is. */
const TAG = 'demo';
const TENANT = '/v1/tenants/demo';
const QUEUES = {
  app: '/v1/queues/demo/app',
  reminders: '/v1/queues/demo/reminders',
  news: '/v1/queues/demo/newsletter',
};
const TRANSPORT = `${TENANT}/transports/newsletter`;
const TEMPLATE = `${TENANT}/templates/delivery`;

/** It asks for a field that the data does not have: what was meant is `it.parcel.number`. */
const BROKEN_TEMPLATE = {
  subject: 'Your parcel <%= it.parcel.nummber.toUpperCase() %>',
  text: 'Hello <%= it.name %>,\n\nyour parcel is on its way.\n',
};

const letter = (to: string, subject: string, more: Json = {}): Json => ({
  to,
  subject,
  text: `Hello,\n\nthis is the letter “${subject}” of the demo.\n`,
  tags: [TAG],
  ...more,
});

const DAY_MS = 86_400_000;

/** Each as it is accepted; what becomes of it is the worker's and the inbox's doing (dev/inbox-refusals.ts). */
const ACCEPTED = (now: number): readonly (readonly [queue: keyof typeof QUEUES, email: Json])[] => [
  ['app', letter('Ann Miller <ann@rohrpost.example>', 'Your invoice 114')],
  ['app', letter('Ben Okafor <ben@rohrpost.example>', 'Your invoice 115')],
  ['app', letter('Carla Rossi <carla@rohrpost.example>', 'Welcome aboard')],
  ['app', letter('Dora Novak <dora@gmial.example>', 'Your invoice 116')],
  ['app', letter('Emil Berg <emil@gmial.example>', 'Your invoice 117')],
  ['app', letter('Fay Chen <busy@rohrpost.example>', 'Your appointment on Monday')],
  ['app', letter('Gus Peters <lost@rohrpost.example>', 'Contract 2231', { onUncertain: 'hold' })],
  [
    'app',
    {
      to: 'Hana Sato <hana@rohrpost.example>',
      template: 'delivery',
      data: { name: 'Hana', parcel: { number: 'jd014' } },
      tags: [TAG],
    },
  ],
  [
    'app',
    letter('Ida Lund <ida@rohrpost.example>', 'Happy birthday', { sendAt: new Date(now + 3 * DAY_MS).toISOString() }),
  ],
  ['reminders', letter('Jon Weiss <jon@rohrpost.example>', 'Reminder: invoice 98')],
  ['reminders', letter('Kim Adams <kim@rohrpost.example>', 'Reminder: invoice 99')],
  ['reminders', letter('Lea Blanc <lea@rohrpost.example>', 'Your code 481-220', { expiresAfter: '1s' })],
  ...['Max', 'Nia', 'Ole', 'Pia', 'Quin', 'Ria'].map(
    (name) => ['news', letter(`${name} <${name.toLowerCase()}@rohrpost.example>`, 'News of this month')] as const,
  ),
];

/** Waiting emails that a person holds or cancels. */
const TOUCHED = [
  ['hold', letter('Sam Brown <sam@rohrpost.example>', 'Price list (a draft)')],
  ['cancel', letter('Tia Moreau <tia@rohrpost.example>', 'Invitation to the fair')],
] as const;

const succeed = async (call: Call, method: string, path: string, body?: unknown): Promise<Json> => {
  const answer = await call(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}`);
  return answer.body;
};

/**
 * Makes the queues, the transport and the template that they need, and the emails. What becomes of them takes some seconds.
 * @param inboxSmtpPort the inbox does not speak TLS: the transport that asks it to is broken until somebody sets `security` to none
 */
export const makeDemoEmails = async (call: Call, inboxSmtpPort: number): Promise<void> => {
  const now = Date.now();
  await succeed(call, 'PUT', TRANSPORT, { host: '127.0.0.1', port: inboxSmtpPort, security: 'starttls' });
  await succeed(call, 'PUT', TEMPLATE, BROKEN_TEMPLATE);
  await succeed(call, 'PUT', QUEUES.reminders, { from: 'Demo Reminders <reminders@rohrpost.example>' });
  await succeed(call, 'PUT', QUEUES.news, { from: 'Demo News <news@rohrpost.example>', transport: 'newsletter' });
  await succeed(call, 'POST', `${QUEUES.reminders}/pause`, { reason: 'wrong date in the letter' });
  for (const [queue, email] of ACCEPTED(now)) await succeed(call, 'POST', `${QUEUES[queue]}/emails`, email);
  for (const [action, email] of TOUCHED) {
    const sendAt = new Date(now + DAY_MS).toISOString();
    const { id } = await succeed(call, 'POST', `${QUEUES.app}/emails`, { ...email, sendAt });
    await succeed(call, 'POST', `${QUEUES.app}/emails/${String(id)}/${action}`, action === 'cancel' ? {} : undefined);
  }
};

/** Deletes a queue of the demo that holds nothing any more: somebody may use it for emails of his own. */
const deleteWhereEmpty = async (call: Call, queue: string): Promise<void> => {
  const { status, body } = await call('GET', queue);
  const counts = Object.values((body['counts'] ?? {}) as Record<string, number>);
  if (status === 200 && counts.every((count) => count === 0)) await call('DELETE', queue);
};

/** Waits for an operation. @returns how many emails it left alone @throws where it takes longer than half a minute */
const finished = async (call: Call, id: string, pause: (ms: number) => Promise<unknown>): Promise<number> => {
  for (let tries = 0; tries < 150; tries++) {
    const { body } = await call('GET', `/v1/operations/${id}`);
    if (body['state'] === 'done') return Number(body['skipped'] ?? 0) + Number(body['failed'] ?? 0);
    await pause(200);
  }
  throw new Error(`the operation ${id} takes long: look at it with GET /v1/operations/${id}`);
};

/** An email that is being sent at that moment is left alone: it is asked for again. @throws where some stay for ten seconds */
const deleteEmails = async (call: Call, pause: (ms: number) => Promise<unknown>): Promise<void> => {
  for (let tries = 0; tries < 20; tries++) {
    const { id } = await succeed(call, 'POST', `${TENANT}/bulk`, { filter: { tag: TAG }, action: 'delete' });
    if ((await finished(call, String(id), pause)) === 0) return;
    await pause(500);
  }
  throw new Error(`emails with the tag ${TAG} are being sent all the time: try again`);
};

/**
 * Takes the demo's emails away, wherever they stand, with the queues, the transport and the template that were made for them.
 * @param pause waits a while, ms
 */
export const clearDemoEmails = async (call: Call, pause: (ms: number) => Promise<unknown>): Promise<void> => {
  if ((await call('GET', TENANT)).status === 404) return;
  await deleteEmails(call, pause);
  await deleteWhereEmpty(call, QUEUES.reminders);
  await deleteWhereEmpty(call, QUEUES.news);
  if ((await call('GET', QUEUES.news)).status === 404) await call('DELETE', TRANSPORT);
  await call('DELETE', TEMPLATE);
};
