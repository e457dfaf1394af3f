// Why has this email not been sent? One answer from everything that may stand in its way.
import { queueName } from '../../libs/mail/queue-address';
import type { StoredTransport } from '../../libs/mail/transport';
import type { EmailRecord } from '../../libs/queue/email-record';
import type { EmailQueue } from '../../libs/queue/queues';
import type { PauseNote } from '../../libs/store/installation';
import type { Rooms } from './rooms';

export interface Reason {
  code: string;
  text: string;
  /** ISO 8601, where the reason ends by itself. */
  until?: string;
}

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
  const [installation, tenant, registered, paused, rateTtl] = await Promise.all([
    rooms.installation.pauseNote(),
    rooms.tenants.tenant(queue.address.tenant),
    rooms.tenants.queue(queue.address),
    queue.bull.isPaused(),
    rooms.redis.pttl(`${queue.keys.bull}limiter`),
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
  if (registered?.settings.rate !== undefined && rateTtl > 0) {
    const { max, per } = registered.settings.rate;
    reasons.push({
      code: 'rate-limited',
      text: `the queue may send ${max} emails per ${per}`,
      until: iso(rooms.clock.now() + rateTtl),
    });
  }
  return reasons;
};

const limited = async (rooms: Rooms, tenant: string, name: string, { limits }: StoredTransport): Promise<Reason[]> => {
  const until = await rooms.limits.read(tenant, name, limits);
  if (until === undefined) return [];
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
    const text = `the transport ${transport} is ${broken.state === 'open' ? 'down' : 'coming back'} since ${iso(broken.since)}`;
    return [{ code: 'transport-down', text, until: iso(broken.nextProbeAt) }];
  }
  return [{ code: 'transport-unknown', text: `the transport ${transport} does not exist: put it` }];
};

/** What stops this email. */
const ofEmail = async (rooms: Rooms, queue: EmailQueue, record: EmailRecord): Promise<Reason[]> => {
  const next = record.nextAttemptAt === undefined ? {} : { until: iso(record.nextAttemptAt) };
  switch (record.state) {
    case 'scheduled':
      return [{ code: 'not-due', text: `it is to be sent at ${iso(record.sendAt)}`, ...next }];
    case 'deferred':
      return [
        {
          code: 'deferred',
          text: `attempt ${record.attemptsMade} failed: ${record.failure?.text ?? 'for now'}`,
          ...next,
        },
      ];
    case 'queued':
      if (record.place === 'delayed')
        return [
          {
            code: 'parked',
            text: 'it was put back without an attempt: its transport or a limit stood in the way',
            ...next,
          },
        ];
      return [{ code: 'in-line', text: `${await ahead(rooms, queue, record)} emails of this queue are before it` }];
    case 'sending':
      return [{ code: 'sending', text: 'a worker is sending it' }];
    case 'sent':
      return [];
    default:
      return [{ code: record.failure?.code ?? record.state, text: record.failure?.text ?? record.state }];
  }
};

export const explain = async (
  rooms: Rooms,
  queue: EmailQueue,
  record: EmailRecord,
): Promise<{ state: string; reasons: Reason[] }> => {
  const own = await ofEmail(rooms, queue, record);
  const inSendQueue = ['scheduled', 'queued', 'deferred'].includes(record.state);
  const around = inSendQueue ? [...(await ofQueue(rooms, queue)), ...(await ofTransport(rooms, queue, record))] : [];
  return { state: record.state, reasons: [...around, ...own] };
};
