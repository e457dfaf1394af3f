// Why has this email not been sent? One answer from everything that may stand in its way.
import { queueName } from '../../mail/address/queue-address';
import { contentIdsOf, isLinked } from '../../mail/email/stored-email';
import { rateOf } from '../../mail/settings/settings';
import type { StoredTransport } from '../../mail/settings/transport';
import type { EmailRecord } from '../../jobs/layout/email-record';
import type { EmailQueue } from '../../jobs/layout/queues';
import { readEmailsAhead } from '../../jobs/read/standing';
import { isQueuePaused } from '../../jobs/transitions/pause';
import type { ContentStore } from '../../content/store';
import type { Breakers } from '../../store/limits/breaker';
import type { Limits } from '../../store/limits/transport-limits';
import type { Installation, PauseNote } from '../../store/registries/installation';
import { explainArchive } from './explain-archive';
import { explainWorkers, type ExplainWorkersDeps, type Reason } from './explain-workers';

export interface ExplainDeps extends ExplainWorkersDeps {
  installation: Installation;
  breakers: Breakers;
  limits: Limits;
  content: ContentStore;
}

const iso = (ms: number): string => new Date(ms).toISOString();

const noted = (note: PauseNote | undefined): string => {
  if (note === undefined) return '';
  const why = note.reason === undefined ? '' : ` (${note.reason})`;
  return ` since ${note.at} by ${note.by}${why}`;
};

/** What stops the whole queue. */
const ofQueue = async (deps: ExplainDeps, queue: EmailQueue): Promise<Reason[]> => {
  const [installation, tenant, registered, paused] = await Promise.all([
    deps.installation.pauseNote(),
    deps.tenants.tenant(queue.address.tenant),
    deps.tenants.queue(queue.address),
    isQueuePaused(queue),
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
  const redirectTo = registered?.settings.redirectTo;
  if (redirectTo !== undefined) {
    reasons.push({
      code: 'redirected',
      text: `the queue ${queueName(queue.address)} sends every email to ${redirectTo} and to nobody else (redirectTo)`,
    });
  }
  const rate = registered?.settings.rate;
  const until = await deps.limits.readRate(queue.address, rateOf(registered?.settings));
  if (rate !== undefined && until !== undefined) {
    const text = `the queue has sent the ${rate.max} emails that it may in ${rate.per}`;
    reasons.push({ code: 'rate-limited', text, until: iso(until) });
  }
  return reasons;
};

/** The server refused connections lately; there are fewer for a while. */
const crowded = async (deps: ExplainDeps, tenant: string, name: string): Promise<Reason[]> => {
  const lowered = await deps.limits.lowered(tenant, name);
  if (lowered === undefined) return [];
  const text = `the transport ${name} uses fewer connections since ${iso(lowered.since)}, because its server refused one: ${lowered.words}`;
  return [{ code: 'transport-limited', text }];
};

const limited = async (
  deps: ExplainDeps,
  tenant: string,
  name: string,
  { limits }: StoredTransport,
): Promise<Reason[]> => {
  const until = await deps.limits.read(tenant, name, limits);
  if (until === undefined) return crowded(deps, tenant, name);
  const given = Object.entries(limits ?? {}).map(([limit, most]) => `${limit} ${most}`);
  return [
    {
      code: 'transport-limited',
      text: `the transport ${name} is at its limit (${given.join(', ')})`,
      until: iso(until),
    },
  ];
};

/** Where emails go while a transport is down. */
const byFallback = async (deps: ExplainDeps, tenant: string, { fallback }: StoredTransport): Promise<string> => {
  if (fallback === undefined || (await deps.transports.get(tenant, fallback)) === undefined) return '';
  const isDown = (await deps.breakers.read(tenant, fallback)) !== undefined;
  return isDown
    ? `; its fallback ${fallback} is down, too`
    : `; its emails go by its fallback ${fallback} meanwhile, but for those that a server may have seen`;
};

const ofTransport = async (deps: ExplainDeps, queue: EmailQueue, record: EmailRecord): Promise<Reason[]> => {
  const { transport } = await deps.tenants.settings(queue.address, record.email);
  const { tenant } = queue.address;
  const known = await deps.transports.get(tenant, transport);
  if (known !== undefined) {
    const broken = await deps.breakers.read(tenant, transport);
    if (broken === undefined) return limited(deps, tenant, transport, known);
    const text = `the transport ${transport} is ${broken.state === 'open' ? 'down' : 'coming back'} since ${iso(broken.since)}${broken.words === undefined ? '' : `: ${broken.words}`}`;
    const instead = await byFallback(deps, tenant, known);
    return [{ code: 'transport-down', text: text + instead, until: iso(broken.nextProbeAt) }];
  }
  return [{ code: 'transport-unknown', text: `the transport ${transport} does not exist: put it` }];
};

/** What keeps contents from being read or kept, for an email that needs that before it is handed over. */
const ofContent = async (deps: ExplainDeps, queue: EmailQueue, { email }: EmailRecord): Promise<Reason[]> => {
  const { archive, archiveTo } = await deps.tenants.settings(queue.address, email);
  const needed =
    archive || archiveTo !== undefined || contentIdsOf(email).length > 0 || (email.attachments ?? []).some(isLinked);
  return needed ? deps.content.problems() : [];
};

/** What an email that is due waits for by itself. @param stopped no worker comes to it, so its place in the line says nothing */
const ofQueued = async (
  deps: ExplainDeps,
  queue: EmailQueue,
  record: EmailRecord,
  stopped: boolean,
): Promise<Reason[]> => {
  const { place, parked, nextAttemptAt } = record;
  if (place === 'delayed') {
    const why = parked ?? 'its transport or a limit stood in the way';
    const next = nextAttemptAt === undefined ? {} : { until: iso(nextAttemptAt) };
    return [{ code: 'parked', text: `it was put back without an attempt: ${why}`, ...next }];
  }
  const before = await readEmailsAhead(deps.redis, queue, record);
  if (before === 0 && stopped) return [];
  return [{ code: 'in-line', text: `${before} emails of this queue are before it` }];
};

/** Whose approval would not count. */
const byOthers = ({ failure, email }: EmailRecord): string => {
  const involved = (email.needsApproval?.involved ?? []).map(({ by }) => by);
  return failure?.code !== 'approval-needed' || involved.length === 0 ? '' : `: not ${involved.join(', not ')}`;
};

/** What stops this email. */
const ofEmail = async (
  deps: ExplainDeps,
  queue: EmailQueue,
  record: EmailRecord,
  stopped: boolean,
): Promise<Reason[]> => {
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
      return ofQueued(deps, queue, record, stopped);
    case 'sending':
      return [{ code: 'sending', text: 'a worker is sending it' }];
    case 'sent':
      return [];
    default:
      return [
        { code: record.failure?.code ?? record.state, text: (record.failure?.text ?? record.state) + byOthers(record) },
      ];
  }
};

/** What stands in the way of it, the farthest first: the workers, the queue, the transport, the email itself. */
export const explain = async (
  deps: ExplainDeps,
  queue: EmailQueue,
  record: EmailRecord,
): Promise<{ state: string; reasons: Reason[] }> => {
  const inSendQueue = ['scheduled', 'queued', 'deferred'].includes(record.state);
  const workers = inSendQueue ? await explainWorkers(deps, queue, record) : [];
  const around = inSendQueue
    ? [
        ...(await ofQueue(deps, queue)),
        ...(await ofTransport(deps, queue, record)),
        ...(await ofContent(deps, queue, record)),
      ]
    : [];
  const own = await ofEmail(deps, queue, record, workers.length > 0);
  const archiving = await explainArchive(deps, queue, record);
  return { state: record.state, reasons: [...workers, ...around, ...own, ...archiving] };
};
