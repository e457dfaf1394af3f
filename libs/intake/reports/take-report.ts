// A report on an email comes in, by whichever way: its recipients gain what it says, and whoever must not be written to is suppressed.
import type { Audit } from '../../events/audit';
import type { MailLog } from '../../events/mail-log';
import type { Budget } from '../budget';
import { readRecords, type EmailRecord } from '../../jobs/layout/email-record';
import type { Queues } from '../../jobs/layout/queues';
import { noteReports } from '../../jobs/traces/note-reports';
import { normalizeAddress } from '../../mail/address/address';
import { parseQueueName, type QueueAddress } from '../../mail/address/queue-address';
import { recipientsOf } from '../../mail/email/stored-email';
import type { Report, ReportedKind } from '../../mail/reports/report';
import type { Clock } from '../../runtime/clock';
import type { GoodTag } from '../../store/reports/tag-keys';
import type { Redis } from '../../store/redis/redis';
import type { Suppressions } from '../../store/suppressions/registry';
import { aboutWhom, type Concerned } from './about-whom';

export interface TakeReportDeps {
  redis: Redis;
  clock: Clock;
  queues: Queues;
  suppressions: Pick<Suppressions, 'addMissing'>;
  budget: Pick<Budget, 'bound'>;
  audit: Pick<Audit, 'record'>;
  mailLog: Pick<MailLog, 'reported'>;
}

export interface TakenReport {
  /** The email that it is about. */
  id: string;
  address: QueueAddress;
  /** What its recipients gained. */
  recipients: { recipient: string; kind: ReportedKind; status?: string }[];
  /** Who was put on the suppression list by it. */
  suppressed: string[];
}

const BY = 'delivery report';

const reasonOf = ({ kind, status, diagnostic = '' }: Concerned): string =>
  kind === 'complained'
    ? `complained: ${diagnostic}`
    : `bounced: ${[status !== undefined && !diagnostic.includes(status) ? status : '', diagnostic].join(' ').trim()}`.slice(
        0,
        500,
      );

/** Who is on the list stays as they are. A list without room takes none: the email says all the same what became of it. */
const suppress = async (deps: TakeReportDeps, { tenant }: QueueAddress, concerned: Concerned[]): Promise<string[]> => {
  const at = new Date(deps.clock.now()).toISOString();
  const put: string[] = [];
  for (const one of concerned.filter((each) => each.suppress)) {
    const source = one.kind === 'complained' ? 'complaint' : 'bounce';
    const entry = { address: one.recipient, suppression: { reason: reasonOf(one), source, at, by: BY } as const };
    const bound = await deps.budget.bound(tenant, 'maxSuppressions');
    const { added } = await deps.suppressions.addMissing(tenant, [entry], bound);
    if (added === 0) continue;
    put.push(one.recipient);
    await deps.audit.record({ by: BY, what: 'suppression put', tenant, target: normalizeAddress(one.recipient) });
  }
  return put;
};

/**
 * Whether the email says this of them already: whom somebody has taken off the list since is not put there again by a repetition.
 * Of an email with many reports the words are not kept.
 */
const isKnown = ({ recipients }: EmailRecord, { kind, recipient, status, diagnostic }: Concerned): boolean =>
  (recipients?.[kind] ?? []).some(
    (known) =>
      known.recipient === recipient &&
      known.status === status &&
      (known.diagnostic === undefined || known.diagnostic === diagnostic),
  );

/** What a confidential email says is shown to nobody, and servers quote. */
const withoutWords = ({ kind, recipient, status, suppress }: Concerned): Concerned => ({
  kind,
  recipient,
  ...(status !== undefined && { status }),
  suppress,
});

/**
 * Repetitions do no harm: what is known already is written again, and told nobody.
 * @param tag a good one
 * @returns undefined where there is no such email any more
 */
export const takeReport = async (
  deps: TakeReportDeps,
  tag: GoodTag,
  report: Report,
): Promise<TakenReport | undefined> => {
  const address = parseQueueName(tag.queueName);
  if (address === undefined) return undefined;
  const queue = deps.queues.open(address);
  const [record] = await readRecords(deps.redis, queue, [tag.id]);
  if (record === undefined) return undefined;
  const { email, state } = record;
  const recipients = [
    ...new Map(recipientsOf(email).map((one) => [normalizeAddress(one.address), one.address])).values(),
  ];
  const concerned = aboutWhom(report, recipients, { others: (email.forgotten ?? 0) > 0 }).map((one) =>
    email.confidential === true ? withoutWords(one) : one,
  );
  // First: a crash before the note is written brings the report again.
  const suppressed = await suppress(
    deps,
    address,
    concerned.filter((one) => !isKnown(record, one)),
  );
  if (concerned.length > 0) {
    const noted = await noteReports(deps.redis, queue, { id: tag.id, state }, concerned, deps.clock.now());
    if (noted === undefined) return undefined;
  }
  const told = concerned.map(({ recipient, kind, status }) => ({
    recipient,
    kind,
    ...(status !== undefined && { status }),
  }));
  deps.mailLog.reported(
    { id: tag.id, address },
    { report: report.kind, recipients: told, suppressed: suppressed.length },
  );
  return { id: tag.id, address, recipients: told, suppressed };
};
