// Every change that the table of states has, made to happen once; and what may be asked for in every state, answered as it says.
import { createContentRefs } from '../../../libs/store/contents/content-refs';
import type { Redis } from 'ioredis';
import { openClient } from '../../support/redis/test-redis';
import { createSettle } from '../../../libs/dispatch/settle';
import { readRecords } from '../../../libs/jobs/layout/email-record';
import { createErase } from '../../../libs/jobs/layout/erase';
import { createQueues, type EmailQueue } from '../../../libs/jobs/layout/queues';
import { expireEmail } from '../../../libs/jobs/transitions/expire';
import { markIntent } from '../../../libs/jobs/transitions/hand-over-journal';
import { recoverStalled, takeEmail, type Lease } from '../../../libs/jobs/transitions/lease';
import type { Outcome } from '../../../libs/mail/email/outcome';
import { ACTIONS, ALLOWED, STATES, TRANSITIONS, type Action, type State } from '../../../libs/mail/email/state';
import { resolveSettings } from '../../../libs/mail/settings/settings';
import { anEmail, setUpQueue, startService, type EmailBody, type Service } from '../../support/service';
import { eventually } from '../../support/wait';

let service: Service;
let redis: Redis;
let count = 0;
let tenant: string;

interface Home {
  queue: EmailQueue;
  name: string;
  emails: string;
}
/** Each email has a queue of its own: what is taken there is that email. */
const homes = new Map<string, Home>();
const homeOf = (id: string): Home => {
  const home = homes.get(id);
  if (home === undefined) throw new Error(`${id} was not posted here`);
  return home;
};

// The test is the worker: it takes what it has put there, and says how its attempt ended.
beforeAll(async () => {
  service = await startService({ workers: 0 });
  redis = openClient(service.redis.url);
});
afterAll(async () => {
  redis.disconnect();
  await service.close();
});
beforeEach(() => {
  tenant = `t${count++}`;
});

const clock = { now: () => Date.now() };
const LATER = { sendAt: '2034-01-01T00:00:00Z' };
const SETTINGS = { attempts: 3, backoff: { type: 'fixed', delay: '6h' } } as const;
const OUTCOMES = {
  sent: { kind: 'sent', replies: [], recipients: { accepted: [], refused: [], deferred: [] } },
  refused: { kind: 'refused', code: 'refused', text: 'no', replies: [] },
  held: { kind: 'refused', code: 'held', text: 'took its worker down', replies: [] },
  deferred: { kind: 'deferred', text: 'later', replies: [] },
  uncertain: { kind: 'uncertain', text: 'lost', replies: [] },
  expired: { kind: 'expired', text: 'too late' },
  interrupted: { kind: 'interrupted', text: 'stopping' },
} as const satisfies Record<string, Outcome>;

const post = async (changes: Record<string, unknown> = {}, settings = {}): Promise<string> => {
  const address = { tenant, application: `app-${count++}` };
  const { emails, queue: name } = await setUpQueue(service, `${tenant}/${address.application}`, 1, settings);
  const { id } = await service.ok<EmailBody>('POST', emails, anEmail(changes));
  homes.set(id, { emails, name, queue: createQueues({ redis, waits: true }).open(address) });
  return id;
};
const act = (id: string, action: string, body?: unknown) =>
  service.ok<EmailBody>('POST', `${homeOf(id).emails}/${id}/${action}`, body);
const patch = (id: string, body: unknown) => service.ok('PATCH', `${homeOf(id).emails}/${id}`, body);
const erase = (id: string) => service.ok('DELETE', `${homeOf(id).emails}/${id}`);
const stateOf = async (id: string): Promise<string> => (await service.email(homeOf(id).name, id)).state;

const take = async (id: string): Promise<Lease> => {
  const { email } = await takeEmail(redis, homeOf(id).queue, `token-${count++}`);
  expect(email?.id).toBe(id);
  if (email === undefined) throw new Error('there is no email to take');
  return email;
};
const settle = (lease: Lease, outcome: Outcome, settings: Parameters<typeof resolveSettings>[0] = {}) => {
  const erased = createErase({ redis, clock, releaseContent: () => Promise.resolve() });
  const resolved = resolveSettings({ ...SETTINGS, ...settings });
  return createSettle({ redis, clock, refs: createContentRefs({ redis, clock }), random: () => 0.5, erase: erased })(
    lease,
    outcome,
    resolved,
    undefined,
  );
};
/** Its worker is gone, and with it the lock: BullMQ's two passes put it back. */
const vanish = async ({ queue, id }: Lease): Promise<void> => {
  await redis.del(queue.keys.lock(id));
  for (let pass = 0; pass < 2; pass++) {
    await redis.del(`${queue.keys.bull}stalled-check`);
    await recoverStalled(queue);
  }
};

/** Brings a new email into a state. */
const INTO: Record<State, () => Promise<string>> = {
  scheduled: () => post(LATER),
  queued: () => post(),
  sending: async () => (await take(await post())).id,
  deferred: () => ended('deferred'),
  held: async () => {
    const id = await post();
    await act(id, 'hold');
    return id;
  },
  uncertain: () => ended('uncertain', { onUncertain: 'hold' }),
  sent: () => ended('sent'),
  failed: () => ended('refused'),
  expired: () => ended('expired'),
  canceled: async () => {
    const id = await post();
    await act(id, 'cancel');
    return id;
  },
};
const ended = async (outcome: keyof typeof OUTCOMES, settings = {}): Promise<string> => {
  const id = await post();
  await settle(await take(id), OUTCOMES[outcome], settings);
  return id;
};

const STOPPED = ['held', 'uncertain', 'failed', 'expired'] as const;
const WAITING = ['scheduled', 'queued', 'deferred'] as const;

/** What happens to an email in a worker's hands. */
const attempts = async (): Promise<void> => {
  await ended('held');
  await ended('sent', { history: { keep: false } });
  const interrupted = await ended('interrupted');
  await vanish(await take(interrupted));
  await erase(interrupted);
  // Handed over by a worker that vanished: whoever stops it learns that nobody knows.
  for (const state of ['queued', 'deferred'] as const) {
    const id = await INTO[state]();
    if (state === 'deferred') await act(id, 'send-now');
    const lease = await take(id);
    await markIntent(redis, lease.queue, lease, Date.now());
    if (state === 'queued') await vanish(lease);
    else await settle(lease, { kind: 'throttled', text: 'waits', until: Date.now() + 60_000 });
    expect(await stateOf(id)).toBe(state);
    expect((await act(id, 'hold')).state).toBe('uncertain');
  }
  const expiresAt = Date.now() + 1_500;
  const lease = await take(await post({ expiresAt: new Date(expiresAt).toISOString() }));
  await markIntent(redis, lease.queue, lease, Date.now());
  await vanish(lease);
  // Redis' journal tells the time to the second.
  await eventually(() => expect(Math.floor(Date.now() / 1_000)).toBeGreaterThan(Math.floor(expiresAt / 1_000)));
  expect(await stateOf(lease.id)).toBe('expired');
  expect((await act(lease.id, 'cancel')).state).toBe('canceled');
};

/** What people ask for. */
const requests = async (): Promise<void> => {
  for (const state of [...STOPPED, ...WAITING]) await act(await INTO[state](), 'cancel');
  for (const state of WAITING) await act(await INTO[state](), 'hold');
  for (const state of STOPPED) {
    const [now, later] = [await INTO[state](), await INTO[state]()];
    await patch(later, LATER);
    expect((await act(later, 'release')).state).toBe('scheduled');
    expect((await act(now, 'release')).state).toBe('queued');
    await erase(now);
  }
  for (const as of ['sent', 'failed']) await act(await INTO.uncertain(), 'resolve', { as });
  const corrected = await post();
  await patch(corrected, LATER);
  expect(await stateOf(corrected)).toBe('scheduled');
  for (const state of STATES) if (state !== 'sending') await erase(await INTO[state]());
};

/** What time does alone. */
const times = async (): Promise<void> => {
  const soon = () => new Date(Date.now() + 300).toISOString();
  const [queued, deferred] = [await post({ expiresAt: soon() }), await INTO.deferred()];
  await patch(deferred, { expiresAt: soon() });
  for (const id of [queued, deferred]) {
    await eventually(async () => expect(await stateOf(id)).toBe('expired'));
    await act(id, 'cancel');
  }
  // A worker that comes before the sweep ends it as an attempt that is not made.
  const expiresAt = Date.now() + 1_500;
  const late = await post({ expiresAt: new Date(expiresAt).toISOString() });
  // Redis' journal tells the time to the second.
  await eventually(() => expect(Math.floor(Date.now() / 1_000)).toBeGreaterThan(Math.floor(expiresAt / 1_000) + 1));
  await settle(await take(late), OUTCOMES.expired);
  const due = await post({ sendAt: soon() });
  await eventually(async () => expect(await stateOf(due)).toBe('queued'));
  await settle(await take(due), OUTCOMES.sent);
};

/** What waits for a second person. */
const approvals = async (): Promise<void> => {
  const [soon, approval] = [new Date(Date.now() + 300).toISOString(), { approval: {} }];
  const late = await post({ expiresAt: soon }, approval);
  const id = await post({}, approval);
  expect(await stateOf(id)).toBe('held');
  const { key } = await service.ok<{ key: string }>('POST', '/v1/keys', { role: 'admin', tenant });
  await service.ok('POST', `${homeOf(id).emails}/${id}/release`, undefined, { key });
  await settle(await take(id), OUTCOMES.refused);
  await patch(id, { subject: 'Another one' });
  expect(await stateOf(id)).toBe('held');
  // The sweep of a worker ends it.
  const { queue } = homeOf(late);
  const [record] = await readRecords(redis, queue, [late]);
  if (record === undefined) throw new Error('there is no email to expire');
  await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(soon)));
  const how = { keepUntil: Date.now() + 60_000, settings: resolveSettings(SETTINGS) };
  expect(await expireEmail(redis, queue, record, how)).toBeUndefined();
  expect(await stateOf(late)).toBe('expired');
};

/** What stands in a backup that was put back. */
const restores = async (): Promise<void> => {
  const scheduled = await post(LATER);
  await service.ok('POST', '/v1/restore', { since: new Date().toISOString(), scheduled: true });
  expect(await stateOf(scheduled)).toBe('uncertain');
};

test('every change of the table happens, and no other', async () => {
  await attempts();
  await requests();
  await times();
  await approvals();
  await restores();
  const table = new Set(TRANSITIONS.map(([from, , to]) => `${from} -> ${to}`));
  expect([...(await service.lives.seen())].sort()).toEqual([...table].sort());
});

/** @returns the code of the refusal */
const ask = async (id: string, action: Action): Promise<string | undefined> => {
  const [method, path] =
    action === 'correct' ? ['PATCH', ''] : action === 'delete' ? ['DELETE', ''] : ['POST', `/${action}`];
  const body = { correct: { attempts: 4 }, resolve: { as: 'failed' }, resend: {} }[action as string];
  const answer = await service.call<{ code?: string }>(method, `${homeOf(id).emails}/${id}${path}`, body);
  return answer.status < 300 ? undefined : answer.body.code;
};
const refusal = (action: Action, state: State): string | undefined => {
  if (ALLOWED[action].includes(state)) return undefined;
  const isUsual = action !== 'resolve' && action !== 'resend';
  if (isUsual && state === 'sending') return 'email-sending';
  return isUsual && state === 'sent' ? 'email-finished' : 'email-state';
};

test.each(STATES)('what may be asked for while it is %s', async (state) => {
  for (const action of ACTIONS)
    expect([action, await ask(await INTO[state](), action)]).toEqual([action, refusal(action, state)]);
});

/** The refusals of an operation on every email of the tenant that is only tried: of which email, with which code. */
const refusalsOfDryRun = async (action: Action): Promise<{ id: string; code: string }[]> => {
  const order = { all: true, action, dryRun: true, ...(action === 'resolve' && { as: 'failed' }) };
  const { id } = await service.ok<{ id: string }>('POST', `/v1/tenants/${tenant}/bulk`, order);
  return eventually(async () => {
    const path = `/v1/operations/${id}`;
    const told = await service.ok<{ state: string; errors: { id: string; code: string }[] }>('GET', path);
    expect(told.state).toBe('done');
    return told.errors;
  });
};

test('the dry run of an operation on many says the same of every state', async () => {
  const states = new Map<string, State>();
  for (const state of STATES) states.set(await INTO[state](), state);
  for (const action of ACTIONS) {
    if (action === 'correct') continue;
    const told = (await refusalsOfDryRun(action)).map(({ id, code }) => [states.get(id), code]);
    const wanted = STATES.map((state) => [state, refusal(action, state)]).filter(([, code]) => code !== undefined);
    expect([action, told.sort()]).toEqual([action, wanted.sort()]);
  }
});

test('send now: what was canceled is not even corrected', async () => {
  const id = await post(LATER);
  await act(id, 'cancel');
  expect(await ask(id, 'send-now')).toBe('email-state');
  const { changes, sendAt } = await service.email(homeOf(id).name, id);
  expect([changes.map(({ what }) => what), sendAt]).toEqual([['canceled'], new Date(LATER.sendAt).toISOString()]);
});
