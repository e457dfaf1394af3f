// Reads events of the installation as whoever listens is told of them: with what their emails say now of their recipients.
import { readEvent, type EventNote, type EventType } from '../mail/email/event';
import type { QueueAddress } from '../mail/address/queue-address';
import { parseQueueName } from '../mail/address/queue-address';
import { readAboutEmails, type AboutEmail } from '../jobs/read/about-emails';
import type { Clock } from '../runtime/clock';
import { KEYS } from '../store/redis/keys';
import type { Redis } from '../store/redis/redis';
import type { Listening } from '../store/registries/listening';
import { EVENTS_KEPT_MS } from './relay';

/** An event of the stream, and where in it. */
export interface StreamedEvent {
  /** Of the stream: goes up, `ms-number`. */
  position: string;
  note: EventNote;
  tenant: string;
  /** Events of transports have none. */
  application?: string;
}

/** Where the stream ends now: whoever begins here is told of what comes. */
export const endOfEvents = async (redis: Redis): Promise<string> =>
  (await redis.xrevrange(KEYS.events.stream, '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0';

/** @returns those after a position, in their order */
export const eventsAfter = async (redis: Redis, position: string, most: number): Promise<StreamedEvent[]> => {
  const entries = await redis.xrange(KEYS.events.stream, `(${position}`, '+', 'COUNT', most);
  return entries.map(([at, [, name = '', , text = '']]) => {
    const note = readEvent(text);
    const ofTenant = { tenant: name, ...(note.type.startsWith('queue.') && { application: note.id ?? '' }) };
    return { position: at, note, ...(parseQueueName(name) ?? ofTenant) };
  });
};

/** Events between this position and what can still be read are missing. */
export const isGap = async (
  { listening, clock }: { listening: Listening; clock: Clock },
  position: string,
): Promise<boolean> => {
  const since = await listening.since();
  const earliest = Math.max(since ?? Infinity, clock.now() - EVENTS_KEPT_MS);
  return Number(position.split('-')[0]) < earliest;
};

export const isPosition = (text: string): boolean => /^\d{1,15}-\d{1,18}$/.test(text);

/** What an event says, as `GET /v1/events` and webhooks tell it. */
export interface EventBody {
  type: EventType;
  /** ISO 8601 */
  timestamp: string;
  data: Record<string, unknown>;
}

const isOfEmail = ({ note }: StreamedEvent): boolean => note.type.startsWith('email.');

/** What the id of a note stands for. */
const named = ({ note: { type, id } }: StreamedEvent): object =>
  type.startsWith('email.') ? { id } : type.startsWith('transport.') ? { transport: id } : {};

const bodyOf = (event: StreamedEvent, about: object): EventBody => {
  const { note, tenant, application } = event;
  const { type, at, state, code, reply, attempt } = note;
  const all = { ...named(event), state, code, reply, attempt, tenant, application, ...about };
  const data = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return { type, timestamp: new Date(at).toISOString(), data };
};

/** An email that is gone has no recipients any more, nor tags and metadata: nothing of it is kept in events. */
const GONE = { recipients: [], metadata: {}, tags: [] };

/** Of a bounce or a complaint also whom it is about, and what was said. */
const aboutOf = ({ note }: StreamedEvent, about: AboutEmail | undefined): object => {
  if (about === undefined) return GONE;
  const { reported = {}, ...rest } = about;
  if (note.type === 'email.bounced') return { ...rest, bounced: reported.bounced ?? [] };
  return note.type === 'email.complained' ? { ...rest, complained: reported.complained ?? [] } : rest;
};

/** Reads what their emails say; one round trip for each queue. */
export const bodiesOf = async (redis: Redis, events: StreamedEvent[]): Promise<EventBody[]> => {
  const byQueue = new Map<string, { queue: QueueAddress; ids: string[] }>();
  for (const event of events.filter(isOfEmail)) {
    const { tenant, application = '', note } = event;
    const found = byQueue.get(`${tenant}.${application}`) ?? { queue: { tenant, application }, ids: [] };
    byQueue.set(`${tenant}.${application}`, found);
    found.ids.push(note.id ?? '');
  }
  const read = await Promise.all([...byQueue.values()].map(({ queue, ids }) => readAboutEmails(redis, queue, ids)));
  const about = new Map(read.flatMap((one) => [...one]));
  return events.map((event) => bodyOf(event, isOfEmail(event) ? aboutOf(event, about.get(event.note.id ?? '')) : {}));
};
