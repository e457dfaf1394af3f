// One attempt to send an email, as a story of steps; every ending that can be expected is returned, not thrown.
import type { Lease } from '../../libs/queue/email-worker';
import {
  clearIntent,
  FenceClosed,
  markDone,
  markIntent,
  markSent,
  NO_MARKS,
  readMarks,
  type Marks,
} from '../../libs/queue/marks';
import type { Attempt, Outcome, Reply } from '../../libs/mail/outcome';
import type { ResolvedSettings } from '../../libs/mail/settings';
import { dueAt, EMAIL_FORMAT, recipientsOf } from '../../libs/mail/stored-email';
import type { Renderer } from '../../libs/render/render';
import type { Clock } from '../../libs/runtime/clock';
import type { OpenTransport } from '../../libs/send/connections';
import type { HandOver, HandOverResult } from '../../libs/send/hand-over';
import { envelopeAddress, type Message } from '../../libs/send/message';
import type { Breakers, Pass, Reported } from '../../libs/store/breaker';
import type { Redis } from '../../libs/store/redis';
import type { Transports } from '../../libs/store/transports';
import { judgeHandOver } from './judge';
import { needsFetching, type Gather } from './gather';
import { makeMessage } from './make-message';

export interface DeliverDeps {
  redis: Redis;
  clock: Clock;
  transports: Transports;
  breakers: Breakers;
  /** A transport went down or came up. */
  onTransport: (transport: string, change: Reported['change'], why: string) => void;
  renderer: Renderer;
  gather: Gather;
  handOver: (work: HandOver) => Promise<HandOverResult>;
  settingsOf: (lease: Lease) => Promise<ResolvedSettings>;
}

/** What an attempt came to. There is no record where nothing was tried. */
export interface Delivery {
  outcome: Outcome;
  settings: ResolvedSettings;
  attempt?: Attempt;
}

/** An email that took its worker down so often is put aside: the next one would be the sixth. */
const MOST_CRASHES = 5;
/** A worker that vanished while handing over may still have a `sent` under way; as long as its lock could live. */
const QUARANTINE_MS = 15_000;
/** A transport that does not exist (yet) is asked for again after this. */
const NO_TRANSPORT_MS = 60_000;
/** Emails parked for a broken transport come back spread over this. */
const SPREAD_MS = 500;

const NO_RECIPIENTS: Reply[] = [];

/** Things that end an attempt before a server is asked. */
const beforehand = (lease: Lease, marks: Marks, now: number): Outcome | undefined => {
  if (lease.email.v !== EMAIL_FORMAT) {
    return {
      kind: 'throttled',
      text: `its format ${String(lease.email.v)} is of another version of the service`,
      until: now + NO_TRANSPORT_MS,
    };
  }
  if (marks.sent !== undefined)
    return { kind: 'sent', replies: marks.sent.replies, recipients: { accepted: [], refused: [], deferred: [] } };
  if (marks.intentAt !== undefined) {
    if (marks.intentAt + QUARANTINE_MS > now) {
      return {
        kind: 'throttled',
        text: 'a worker vanished while handing it over',
        until: marks.intentAt + QUARANTINE_MS,
      };
    }
    return {
      kind: 'uncertain',
      text: 'a worker vanished while handing it over: the server may have taken it',
      replies: [],
    };
  }
  if (lease.crashes >= MOST_CRASHES) {
    return {
      kind: 'refused',
      code: 'held',
      text: `took its worker down ${lease.crashes} times: look at it, then release it`,
      replies: [],
    };
  }
  // Its own time only: when it was accepted is told by another process' clock.
  const due = dueAt(lease.email, 0);
  if (due > now) return { kind: 'throttled', text: 'its time has not come', until: due };
  if (Date.parse(lease.email.expiresAt) <= now)
    return { kind: 'expired', text: `was not sent before ${lease.email.expiresAt}` };
  return undefined;
};

/** Removed again, whatever its history says: it was not accepted a second time. */
const goneAlready = (settings: ResolvedSettings): Delivery => ({
  outcome: { kind: 'sent', replies: [], recipients: { accepted: [], refused: [], deferred: [] } },
  settings: { ...settings, history: { ...settings.history, keep: false } },
});

/** Parked: everyone comes back a little later than the transport is tried again, not all at once. */
const throttled = (transport: string, until: number): Outcome => ({
  kind: 'throttled',
  text: `the transport ${transport} is down`,
  until: until + Math.floor(Math.random() * SPREAD_MS),
});

const noTransport = (transport: string, now: number): Outcome => {
  const text = `the transport ${transport} does not exist: put it, then the email goes out`;
  return { kind: 'throttled', text, until: now + NO_TRANSPORT_MS };
};

/** Sources are not asked again and again for an email that a broken transport would not take. */
const parked = async (deps: DeliverDeps, lease: Lease, transport: string): Promise<Outcome | undefined> => {
  if (!needsFetching(lease.email)) return undefined;
  const broken = await deps.breakers.read(lease.queue.address.tenant, transport);
  if (broken === undefined || broken.nextProbeAt <= deps.clock.now()) return undefined;
  return throttled(transport, broken.nextProbeAt);
};

/** A transport with its password, ready to be used. */
export const openTransport = async (
  transports: Transports,
  tenant: string,
  name: string,
): Promise<OpenTransport | undefined> => {
  const transport = await transports.get(tenant, name);
  return transport && { id: `${tenant}/${name}`, transport, password: transports.password(tenant, name, transport) };
};

/** Tells the breaker; a fault that did not count towards opening it costs the email no attempt. */
const tell = async (
  deps: DeliverDeps,
  lease: Lease,
  transport: string,
  pass: Pass,
  outcome: Outcome,
): Promise<Outcome> => {
  const { tenant } = lease.queue.address;
  const fault = (outcome.kind === 'deferred' || outcome.kind === 'uncertain') && outcome.blame === 'transport';
  const { change, counted, until } = await deps.breakers.report(tenant, transport, pass, lease.id, fault);
  if (change !== 'none') deps.onTransport(`${tenant}/${transport}`, change, 'text' in outcome ? outcome.text : '');
  if (outcome.kind !== 'deferred' || !fault || counted || until === undefined) return outcome;
  return throttled(transport, until);
};

export const createDeliver = (deps: DeliverDeps) => {
  const { clock, redis } = deps;

  /** Records what is known of recipients before anything else is done: this is what keeps twins away. */
  const remember = async (lease: Lease, marks: Marks, outcome: Outcome, result: HandOverResult): Promise<void> => {
    if (outcome.kind === 'sent') {
      await markSent(redis, lease.queue, lease.id, { at: clock.now(), replies: outcome.replies });
    } else if ((outcome.kind === 'deferred' || outcome.kind === 'refused') && outcome.recipients !== undefined) {
      const { accepted, refused } = outcome.recipients;
      const replies = [...marks.done.refused, ...outcome.replies];
      const words = refused.flatMap((address) => replies.find(({ recipient }) => recipient === address) ?? []);
      await markDone(redis, lease.queue, lease.id, marks.generation, { accepted, refused: words });
    } else if (outcome.kind !== 'uncertain' && !(result.kind === 'stopped' && result.error instanceof FenceClosed)) {
      await clearIntent(redis, lease.queue, lease.id);
    }
  };

  const send = async (
    lease: Lease,
    marks: Marks,
    made: { message: Message; from: string },
    transport: OpenTransport,
    hear: ((line: string) => void) | undefined,
  ): Promise<Outcome> => {
    const all = [...new Set(recipientsOf(lease.email).map(envelopeAddress))];
    // A correction may have taken recipients away that earlier attempts were done with.
    const done = {
      accepted: marks.done.accepted.filter((address) => all.includes(address)),
      refused: marks.done.refused.filter(({ recipient = '' }) => all.includes(recipient)),
    };
    const doneWith = [...done.accepted, ...done.refused.map(({ recipient }) => recipient)];
    const to = all.filter((address) => !doneWith.includes(address));
    const result: HandOverResult =
      to.length === 0
        ? { kind: 'taken', reply: { code: 0, text: 'every recipient has it already' }, rejected: [] }
        : await deps.handOver({
            transport,
            envelope: { from: made.from, to },
            message: made.message,
            signal: lease.signal,
            ...(hear && { hear }),
            beforeMessage: () => markIntent(redis, lease.queue, lease, clock.now()),
          });
    const outcome = judgeHandOver(result, to, done);
    await remember(lease, { ...marks, done }, outcome, result);
    return outcome;
  };

  const attempt = async (
    lease: Lease,
    marks: Marks,
    settings: ResolvedSettings,
    hear?: (line: string) => void,
  ): Promise<Outcome> => {
    const { tenant } = lease.queue.address;
    const transport = await openTransport(deps.transports, tenant, settings.transport);
    if (transport === undefined) return noTransport(settings.transport, clock.now());
    const made = (await parked(deps, lease, settings.transport)) ?? (await makeMessage(deps, lease, settings));
    if ('kind' in made) return made;
    try {
      if (lease.signal.aborted) return { kind: 'interrupted', text: String(lease.signal.reason) };
      const pass = await deps.breakers.permit(tenant, settings.transport);
      if (pass.kind === 'wait') return throttled(settings.transport, pass.until);
      const outcome = await send(lease, marks, made, transport, hear);
      return await tell(deps, lease, settings.transport, pass, outcome);
    } finally {
      await made.discard();
    }
  };

  return async (lease: Lease): Promise<Delivery> => {
    const startedAt = new Date(clock.now()).toISOString();
    const settings = await deps.settingsOf(lease);
    // A first start of an email that was never corrected or released cannot have left marks.
    const pristine = lease.starts <= 1 && lease.email.rev === 1;
    const marks = pristine ? NO_MARKS : await readMarks(redis, lease.queue, lease.id);
    if (marks.gone) return goneAlready(settings);
    const ended = beforehand(lease, marks, clock.now());
    const dialogue: string[] = [];
    const hear = settings.log === 'dialogue' ? (line: string) => void dialogue.push(line) : undefined;
    const outcome = ended ?? (await attempt(lease, marks, settings, hear));
    const record: Attempt = {
      number: lease.attemptsMade + 1,
      startedAt,
      endedAt: new Date(clock.now()).toISOString(),
      outcome: outcome.kind,
      transport: settings.transport,
      ...('text' in outcome && { text: outcome.text }),
      replies: settings.log === 'none' || !('replies' in outcome) ? NO_RECIPIENTS : outcome.replies,
      ...(dialogue.length > 0 && { dialogue }),
    };
    const silent = outcome.kind === 'throttled' || outcome.kind === 'interrupted';
    return { outcome, settings, ...(!silent && { attempt: record }) };
  };
};
