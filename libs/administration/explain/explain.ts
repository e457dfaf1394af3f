// Why has this email not been sent? One answer from everything that may stand in its way.
import { queueName } from '../../mail/address/queue-address';
import { contentIdsOf, isLinked } from '../../mail/email/stored-email';
import { rateOf } from '../../mail/settings/settings';
import type { StoredTransport } from '../../mail/settings/transport';
import type { EmailRecord } from '../../jobs/layout/email-record';
import type { EmailQueue } from '../../jobs/layout/queues';
import type { PauseNote } from '../../store/registries/installation';
import { explainWorkers, type Reason } from './explain-workers';
import type { Rooms } from '../../../apps/api/rooms';

const iso = (ms: number): string => new Date(ms).toISOString();

/** Emails that come before this one in its queue. */
const ahead = async (rooms: Rooms, { keys }: EmailQueue, { id, place }: EmailRecord): Promise<number> => {
  const waiting = await rooms.redis.llen(`${keys.bull}wait`);
  if (place === 'prioritized') return waiting + ((await rooms.redis.zrank(`${keys.bull}prioritized`, id)) ?? 0);
  const position = await rooms.redis.lpos(`${keys.bull}wait`, id, 'RANK', -1);
  return typeof position === 'number' ? waiting - 1 - position : 0;
};

const noted = (note: PauseNote | undefined): string => {
  if (note === undefined) return '';
  const why = note.reason === undefined ? '' : ` (${note.reason})`;
  return ` since ${note.at} by ${note.by}${why}`;
};

/** What stops the whole queue. */
const ofQueue = async (rooms: Rooms, queue: EmailQueue): Promise<Reason[]> => {
  const [installation, tenant, registered, paused] = await Promise.all([
    rooms.installation.pauseNote(),
    rooms.tenants.tenant(queue.address.tenant),
    rooms.tenants.queue(queue.address),
    queue.bull.isPaused(),
  ]);
  const reasons: Reason[] = [];
  if (installation !== undefined) {
    reasons.push({
      code: 'installation-paused',
      text: `the whole installation is paused${noted(installation)}: the operator resumes it (POST /v1/resume)`,
    });
  }
  if (tenant?.settings.enabled === false) {
    reasons.push({
      code: 'tenant-disabled',
      text: `the tenant ${queue.address.tenant} is disabled: PATCH it with {"enabled": true}`,
    });
  }
  if (paused) {
    reasons.push({
      code: 'queue-paused',
      text: `the queue ${queueName(queue.address)} is paused${noted(registered?.paused)}: resume it`,
    });
  }
  const rate = registered?.settings.rate;
  const until = await rooms.limits.readRate(queue.address, rateOf(registered?.settings));
  if (rate !== undefined && until !== undefined) {
    const text = `the queue has sent the ${rate.max} emails that it may in ${rate.per}`;
    reasons.push({ code: 'rate-limited', text, until: iso(until) });
  }
  return reasons;
};

/** The server refused connections lately; there are fewer for a while. */
const crowded = async (rooms: Rooms, tenant: string, name: string): Promise<Reason[]> => {
  const lowered = await rooms.limits.lowered(tenant, name);
  if (lowered === undefined) return [];
  const text = `the transport ${name} uses fewer connections since ${iso(lowered.since)}, because its server refused one: ${lowered.words}`;
  return [{ code: 'transport-limited', text }];
};

const limited = async (rooms: Rooms, tenant: string, name: string, { limits }: StoredTransport): Promise<Reason[]> => {
  const until = await rooms.limits.read(tenant, name, limits);
  if (until === undefined) return crowded(rooms, tenant, name);
  const given = Object.entries(limits ?? {}).map(([limit, most]) => `${limit} ${most}`);
  return [
    {
      code: 'transport-limited',
      text: `the transport ${name} is at its limit (${given.join(', ')})`,
      until: iso(until),
    },
  ];
};

const ofTransport = async (rooms: Rooms, queue: EmailQueue, record: EmailRecord): Promise<Reason[]> => {
  const { transport } = await rooms.tenants.settings(queue.address, record.email);
  const { tenant } = queue.address;
  const known = await rooms.transports.get(tenant, transport);
  if (known !== undefined) {
    const broken = await rooms.breakers.read(tenant, transport);
    if (broken === undefined) return limited(rooms, tenant, transport, known);
    const text = `the transport ${transport} is ${broken.state === 'open' ? 'down' : 'coming back'} since ${iso(broken.since)}${broken.words === undefined ? '' : `: ${broken.words}`}`;
    return [{ code: 'transport-down', text, until: iso(broken.nextProbeAt) }];
  }
  return [{ code: 'transport-unknown', text: `the transport ${transport} does not exist: put it` }];
};

/** What keeps contents from being read or kept, for an email that needs that before it is handed over. */
const ofContent = async (rooms: Rooms, queue: EmailQueue, { email }: EmailRecord): Promise<Reason[]> => {
  const { archive } = await rooms.tenants.settings(queue.address, email);
  const needed = archive || contentIdsOf(email).length > 0 || (email.attachments ?? []).some(isLinked);
  return needed ? rooms.content.problems() : [];
};

/** What an email that is due waits for by itself. @param stopped no worker comes to it, so its place in the line says nothing */
const ofQueued = async (rooms: Rooms, queue: EmailQueue, record: EmailRecord, stopped: boolean): Promise<Reason[]> => {
  const { place, parked, nextAttemptAt } = record;
  if (place === 'delayed') {
    const why = parked ?? 'its transport or a limit stood in the way';
    const next = nextAttemptAt === undefined ? {} : { until: iso(nextAttemptAt) };
    return [{ code: 'parked', text: `it was put back without an attempt: ${why}`, ...next }];
  }
  const before = await ahead(rooms, queue, record);
  if (before === 0 && stopped) return [];
  return [{ code: 'in-line', text: `${before} emails of this queue are before it` }];
};

/** What stops this email. */
const ofEmail = async (rooms: Rooms, queue: EmailQueue, record: EmailRecord, stopped: boolean): Promise<Reason[]> => {
  const next = record.nextAttemptAt === undefined ? {} : { until: iso(record.nextAttemptAt) };
  switch (record.state) {
    case 'scheduled':
      return [{ code: 'not-due', text: `it is to be sent at ${iso(record.sendAt)}`, ...next }];
    case 'deferred':
      return [
        {
          code: 'deferred',
          text: `attempt ${record.attemptsBefore + record.attemptsMade} failed: ${record.failure?.text ?? 'for now'}`,
          ...next,
        },
      ];
    case 'queued':
      return ofQueued(rooms, queue, record, stopped);
    case 'sending':
      return [{ code: 'sending', text: 'a worker is sending it' }];
    case 'sent':
      return [];
    default:
      return [{ code: record.failure?.code ?? record.state, text: record.failure?.text ?? record.state }];
  }
};

/** What stands in the way of it, the farthest first: the workers, the queue, the transport, the email itself. */
export const explain = async (
  rooms: Rooms,
  queue: EmailQueue,
  record: EmailRecord,
): Promise<{ state: string; reasons: Reason[] }> => {
  const inSendQueue = ['scheduled', 'queued', 'deferred'].includes(record.state);
  const workers = inSendQueue ? await explainWorkers(rooms, queue, record) : [];
  const around = inSendQueue
    ? [
        ...(await ofQueue(rooms, queue)),
        ...(await ofTransport(rooms, queue, record)),
        ...(await ofContent(rooms, queue, record)),
      ]
    : [];
  const own = await ofEmail(rooms, queue, record, workers.length > 0);
  return { state: record.state, reasons: [...workers, ...around, ...own] };
};
