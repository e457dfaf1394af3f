// Random lives of emails through the real code and a real Redis, against a model of what their states should be.
import { createContentRefs } from '../libs/store/contents/content-refs';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import type { Outcome } from '../libs/mail/email/outcome';
import { resolveSettings } from '../libs/mail/settings/settings';
import { STATES, type State } from '../libs/mail/email/state';
import type { StoredEmail } from '../libs/mail/email/stored-email';
import { readStatus } from '../libs/jobs/read/counts';
import { createSchedule } from '../libs/jobs/layout/schedule';
import { newEmailId } from '../libs/jobs/layout/email-id';
import { readRecords } from '../libs/jobs/layout/email-record';
import { recoverStalled, takeEmail } from '../libs/jobs/transitions/lease';
import { createErase } from '../libs/jobs/layout/erase';
import { createQueues, type EmailQueue } from '../libs/jobs/layout/queues';
import { createEnqueue } from '../libs/intake/enqueue';
import { createSettle } from '../libs/dispatch/settle';
import { correctEmail } from '../libs/jobs/transitions/correct';
import { withdraw } from '../libs/jobs/transitions/withdraw';
import { releaseEmail } from '../libs/jobs/transitions/release';
import { removeJob } from '../libs/jobs/transitions/remove-job';
import { useBareRedis } from './support/redis/bare-redis';
import { watchLives, type LifeWatch } from './support/life/life-watch';

const RUNS = 1_000;
const ATTEMPTS = 3;
const LATER = '2034-01-01T00:00:00.000Z';
const settings = resolveSettings({ attempts: ATTEMPTS, backoff: { type: 'fixed', delay: '6h' }, onUncertain: 'hold' });

type Ending = 'sent' | 'refused' | 'deferred' | 'throttled' | 'uncertain' | 'expired' | 'interrupted' | 'crash';
type Step =
  | { do: 'accept'; later: boolean; priority: 'high' | 'normal' | 'low' }
  | { do: 'hold' | 'cancel' | 'release' | 'send-now' | 'correct' | 'erase'; which: number }
  | { do: 'work'; ending: Ending };

/** What the model knows of an email. */
interface Expected {
  state: State;
  attempts: number;
  /** Its own time has not come. */
  later: boolean;
  /** Delayed in BullMQ although it is due: put back without an attempt. */
  parked: boolean;
}

const which = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('accept' as const),
      later: fc.boolean(),
      priority: fc.constantFrom('high', 'normal', 'low'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('hold', 'cancel', 'release', 'send-now', 'send-now', 'send-now', 'correct', 'erase'),
      which,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('work' as const),
      ending: fc.constantFrom<Ending>(
        'deferred',
        'deferred',
        'deferred',
        'deferred',
        'sent',
        'refused',
        'deferred',
        'throttled',
        'uncertain',
        'expired',
        'interrupted',
        'crash',
      ),
    }),
  },
);

const bare = useBareRedis();
let redis: Redis;
let lives: LifeWatch;
let count = 0;

beforeAll(() => {
  ({ redis } = bare);
  lives = watchLives(bare.folder);
});

/** Endings that the lives came by: what was never reached was not tested. */
const seen = new Set<string>();

const ASIDE: State[] = ['held', 'uncertain', 'failed', 'expired'];
const WAITING: State[] = ['scheduled', 'queued', 'deferred'];
const line = { kind: 'change' as const, at: '', by: 'model', what: 'step' };

class World {
  private readonly emails = new Map<string, Expected>();
  private readonly queue: EmailQueue;
  private readonly clock = { now: () => Date.now() };
  private readonly settle;

  constructor() {
    this.queue = createQueues({ redis, waits: true }).open({ tenant: 'acme', application: `app-${count++}` });
    const erase = createErase({ redis, clock: this.clock, releaseContent: () => Promise.resolve() });
    this.settle = createSettle({
      redis,
      clock: this.clock,
      refs: createContentRefs({ redis, clock: this.clock }),
      random: () => 0.5,
      erase,
    });
  }

  async run(step: Step): Promise<void> {
    if (step.do === 'accept') return this.accept(step.later, step.priority);
    if (step.do === 'work') return this.work(step.ending);
    const id = [...this.emails.keys()][step.which];
    const expected = id === undefined ? undefined : this.emails.get(id);
    if (id === undefined || expected === undefined) return;
    return this.act(step.do, id, expected);
  }

  private async accept(later: boolean, priority: 'high' | 'normal' | 'low'): Promise<void> {
    const id = newEmailId(Date.now());
    const email: StoredEmail = {
      v: 1,
      rev: 1,
      domain: 'm',
      to: [{ address: 'a@example.org' }],
      text: 'x',
      priority,
      expiresAt: '2035-01-01T00:00:00.000Z',
      ...(later && { sendAt: LATER }),
    };
    await createEnqueue({ redis, schedule: createSchedule(redis) }).add(this.queue, [
      { id, email, acceptedAt: Date.now(), priority },
    ]);
    this.emails.set(id, { state: later ? 'scheduled' : 'queued', attempts: 0, later, parked: false });
  }

  private async emailOf(id: string): Promise<StoredEmail> {
    const [record] = await readRecords(redis, this.queue, [id]);
    if (record === undefined) throw new Error(`${id} is not there`);
    return record.email;
  }

  private async act(action: Extract<Step, { which: number }>['do'], id: string, expected: Expected): Promise<void> {
    const now = Date.now();
    const before = await this.emailOf(id);
    const aside = (code: 'held' | 'canceled') =>
      withdraw(redis, this.queue, id, {
        failure: { code, text: 'x' },
        line,
        now,
        keepUntil: now,
        from: code === 'canceled' ? 'anywhere' : 'send-queue',
      });
    const waiting = WAITING.includes(expected.state);
    switch (action) {
      case 'hold':
        expect(await aside('held')).toBe(waiting ? undefined : expected.state === 'sent' ? 'sent' : 'wrong-state');
        if (waiting) this.set(id, { state: 'held' });
        return;
      case 'cancel':
        expect(await aside('canceled')).toBe(expected.state === 'sent' ? 'sent' : undefined);
        if (expected.state !== 'sent') this.set(id, { state: 'canceled' });
        return;
      case 'release': {
        const due = expected.later ? Date.parse(LATER) : now;
        const refusal = await releaseEmail(redis, this.queue, id, {
          before,
          after: { ...before, rev: before.rev + 1 },
          line,
          now,
          due,
        });
        const may = ASIDE.includes(expected.state);
        expect(refusal).toBe(may ? undefined : expected.state === 'sent' ? 'sent' : 'wrong-state');
        if (may) this.set(id, { state: expected.later ? 'scheduled' : 'queued', attempts: 0, parked: false });
        return;
      }
      case 'correct':
      case 'send-now': {
        const after: StoredEmail = { ...before, rev: before.rev + 1 };
        if (action === 'send-now') delete after.sendAt;
        const due = action === 'send-now' ? { due: now } : {};
        const refusal = await correctEmail(redis, this.queue, id, { before, after, priority: 10, line, now, ...due });
        expect(refusal).toBe(expected.state === 'sent' ? 'sent' : undefined);
        if (refusal === undefined && action === 'send-now')
          this.set(id, { later: false, parked: false, ...(waiting && { state: 'queued' as const }) });
        return;
      }
      case 'erase':
        expect(await removeJob(redis, this.queue, id, { now, resumeAt: now })).toBeUndefined();
        this.emails.delete(id);
    }
  }

  private async work(ending: Ending): Promise<void> {
    const taken = await takeEmail(redis, this.queue, `token-${count++}`);
    const ready = [...this.emails.values()].filter(({ state, parked }) => state === 'queued' && !parked);
    if (taken.email === undefined) return expect(ready).toEqual([]);
    const { email: lease } = taken;
    const expected = this.emails.get(lease.id);
    expect([expected?.state, expected?.parked]).toEqual(['queued', false]);
    expect(lease.attemptsMade).toBe(expected?.attempts);
    if (ending === 'crash') {
      seen.add(ending);
      return this.crash(lease.id);
    }
    await this.settle(lease, OUTCOMES[ending], settings, undefined);
    const attempts = (expected?.attempts ?? 0) + (ending === 'throttled' || ending === 'interrupted' ? 0 : 1);
    const used = attempts >= ATTEMPTS;
    const state: Record<Exclude<Ending, 'crash'>, State> = {
      sent: 'sent',
      refused: 'failed',
      deferred: used ? 'failed' : 'deferred',
      // Put back after an attempt it reads as deferred: there was one, and the next is planned.
      throttled: attempts > 0 ? 'deferred' : 'queued',
      uncertain: 'uncertain',
      expired: 'expired',
      interrupted: 'queued',
    };
    seen.add(ending === 'deferred' && used ? 'attempts used up' : ending);
    this.set(lease.id, { state: state[ending], attempts, parked: ending === 'throttled' });
  }

  /** The worker is gone: its lock runs out, and BullMQ's two passes put the email back. */
  private async crash(id: string): Promise<void> {
    await redis.del(this.queue.keys.lock(id));
    for (let pass = 0; pass < 2; pass++) {
      await redis.del(`${this.queue.keys.bull}stalled-check`);
      await recoverStalled(this.queue);
    }
    this.set(id, { parked: false });
  }

  private set(id: string, changes: Partial<Expected>): void {
    const expected = this.emails.get(id);
    if (expected !== undefined) this.emails.set(id, { ...expected, ...changes });
  }

  /** Every email is in the state that the model says, and in exactly one place of BullMQ. */
  async check(): Promise<void> {
    const ids = [...this.emails.keys()];
    const now = Date.now();
    const records = await readRecords(redis, this.queue, ids);
    expect(records.map((record) => record?.state)).toEqual(ids.map((id) => this.emails.get(id)?.state));
    const states = ids.map((id) => this.emails.get(id)?.state);
    const { counts: told } = await readStatus(redis, this.queue, now);
    expect(told).toEqual(
      Object.fromEntries(STATES.map((state) => [state, states.filter((one) => one === state).length])),
    );
    const counts = await this.queue.bull.getJobCounts(
      'waiting',
      'prioritized',
      'delayed',
      'active',
      'completed',
      'failed',
    );
    expect(Object.values(counts).reduce((sum, one) => sum + one, 0)).toBe(ids.length);
  }

  /** Whatever happened on the way is in the table of states. */
  async end(): Promise<void> {
    await lives.check();
    await this.queue.bull.obliterate({ force: true });
    await redis.del(this.queue.keys.upkeep, ...this.queue.keys.beside);
  }
}

const OUTCOMES: Record<Exclude<Ending, 'crash'>, Outcome> = {
  sent: { kind: 'sent', replies: [], recipients: { accepted: [], refused: [], deferred: [] } },
  refused: { kind: 'refused', code: 'refused', text: 'no', replies: [] },
  deferred: { kind: 'deferred', text: 'later', replies: [] },
  throttled: { kind: 'throttled', text: 'limit', until: Date.now() + 6 * 3_600_000 },
  uncertain: { kind: 'uncertain', text: 'lost', replies: [] },
  expired: { kind: 'expired', text: 'too late' },
  interrupted: { kind: 'interrupted', text: 'stopping' },
};

const ENDINGS: Ending[] = ['sent', 'refused', 'deferred', 'throttled', 'uncertain', 'expired', 'interrupted', 'crash'];

/** A life that comes to this ending for sure, as often as attempts are used up by it: chance alone may miss one. */
const lifeTo = (ending: Ending): Step[] => [
  { do: 'accept', later: false, priority: 'normal' },
  ...Array.from({ length: ATTEMPTS }, (): Step[] => [
    { do: 'work', ending },
    { do: 'send-now', which: 0 },
  ]).flat(),
];

test(`${RUNS} random lives end where the model says`, async () => {
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (life) => {
      const world = new World();
      for (const one of life) {
        await world.run(one);
        steps++;
      }
      await world.check();
      await world.end();
    }),
    { numRuns: RUNS, examples: ENDINGS.map((ending) => [lifeTo(ending)]) },
  );
  expect(steps).toBeGreaterThan(RUNS * 5);
  expect([...seen].sort()).toEqual([
    'attempts used up',
    'crash',
    'deferred',
    'expired',
    'interrupted',
    'refused',
    'sent',
    'throttled',
    'uncertain',
  ]);
}, 240_000);
