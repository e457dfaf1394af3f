// How things look from outside: emails, queues, transports, as the API shows them.
import type { History } from '../../../libs/jobs/read/history';
import { sentMessage, subjectOfRecord, type EmailRecord } from '../../../libs/jobs/layout/email-record';
import type { QueueStatus } from '../../../libs/jobs/read/counts';
import { formatAddress, type Address } from '../../../libs/mail/address/address';
import type { ResolvedSettings } from '../../../libs/mail/settings/settings';
import type { QueueAddress } from '../../../libs/mail/address/queue-address';
import type { NeededApproval } from '../../../libs/mail/email/approval';
import { causeOf } from '../../../libs/mail/email/cause';
import { expiredFailure } from '../../../libs/mail/email/failure';
import { messageIdOf } from '../../../libs/mail/email/stored-email';
import { causeName } from '../../../libs/jobs/traces/enter-cause';
import type { StoredApiKey } from '../../../libs/store/registries/api-keys';
import type { RegisteredQueue } from '../../../libs/store/registries/tenants';
import { queueDocument } from './settings-documents';

const iso = (ms: number): string => new Date(ms).toISOString();
const list = (addresses: Address[] | undefined): string[] => (addresses ?? []).map(formatAddress);

/** The entity tag of an email's version (RFC 9110 8.8.3). */
export const etagOf = (record: EmailRecord): string => `"${record.email.rev}"`;

/** An email as lists show it: without its content. */
export const emailSummary = (address: QueueAddress, record: EmailRecord) => {
  const { id, email, failure } = record;
  const subject = subjectOfRecord(record);
  return {
    id,
    tenant: address.tenant,
    application: address.application,
    state: record.state,
    ...(failure && { reason: failure }),
    acceptedAt: iso(record.acceptedAt),
    sendAt: iso(record.sendAt),
    expiresAt: email.expiresAt,
    ...(record.nextAttemptAt !== undefined && { nextAttemptAt: iso(record.nextAttemptAt) }),
    ...(record.finishedAt !== undefined && { finishedAt: iso(record.finishedAt) }),
    attemptsMade: record.attemptsMade,
    ...(record.recipients && { recipients: record.recipients }),
    messageId: `<${messageIdOf(id, email)}>`,
    ...(email.from && { from: formatAddress(email.from) }),
    to: list(email.to),
    cc: list(email.cc),
    bcc: list(email.bcc),
    ...(subject !== undefined && { subject }),
    ...(email.template && { template: email.template }),
    tags: email.tags ?? [],
    metadata: email.metadata ?? {},
    ...(sentMessage(record) && { archived: true }),
    ...(email.resentFrom && { resentFrom: email.resentFrom }),
  };
};

const settingsView = (settings: ResolvedSettings) => ({
  ...settings,
  ...(settings.from && { from: formatAddress(settings.from) }),
  replyTo: list(settings.replyTo),
});

/** The incident that it stands in; one that expired where it waits stands in that of expired emails as soon as the sweep has come. */
const incidentOf = (
  { email, cause, place, state }: EmailRecord,
  { transport }: ResolvedSettings,
): { incident?: string } => {
  if (state !== 'expired' || place === 'failed') return cause === undefined ? {} : { incident: cause };
  const expired = causeOf(expiredFailure(email.expiresAt), { transport });
  return expired === undefined ? {} : { incident: causeName(expired) };
};

const approvalView = ({ involved, approved }: NeededApproval) => ({
  state: approved === undefined ? ('needed' as const) : ('approved' as const),
  involved,
  ...(approved && { approvedBy: approved.by, approvedAt: approved.at }),
});

/** An email as a whole, with its settings of now and its history. Spans in milliseconds. */
export const emailView = (address: QueueAddress, record: EmailRecord, settings: ResolvedSettings, history: History) => {
  const { email } = record;
  return {
    ...emailSummary(address, record),
    replyTo: list(email.replyTo),
    ...(email.html !== undefined && { html: email.html }),
    ...(email.text !== undefined && { text: email.text }),
    ...(email.data && { data: email.data }),
    ...(email.dataUrl !== undefined && { dataUrl: email.dataUrl }),
    ...(email.stored && { stored: email.stored }),
    ...(email.raw && { raw: { contentId: email.raw.contentId, size: email.raw.size, from: email.raw.from } }),
    attachments: email.attachments ?? [],
    headers: email.headers ?? {},
    settings: settingsView(settings),
    ...(email.contentWiped && { content: 'wiped' as const }),
    ...(email.needsApproval && { approval: approvalView(email.needsApproval) }),
    ...incidentOf(record, settings),
    attempts: history.attempts,
    changes: history.changes,
  };
};

export const queueView = (queue: RegisteredQueue, status: QueueStatus, contentBytes: number) => ({
  tenant: queue.tenant,
  application: queue.application,
  ...queueDocument(queue.settings),
  enabled: !status.paused,
  paused: status.paused,
  ...(status.paused && queue.paused && { pause: queue.paused }),
  counts: status.counts,
  contentBytes,
  ...(status.oldestDueAt !== undefined && { oldestDueAt: iso(status.oldestDueAt) }),
  createdAt: queue.createdAt,
  updatedAt: queue.updatedAt,
});

/** A key without its secret. */
export const apiKeyView = ({
  id,
  role,
  tenant,
  application,
  name,
  expiresAt,
  addresses,
  rate,
  smtpControl,
  issuedBy,
  createdAt,
}: StoredApiKey) => ({
  id,
  role,
  ...(tenant && { tenant }),
  ...(application && { application }),
  ...(name && { name }),
  ...(expiresAt && { expiresAt }),
  ...(addresses && { addresses }),
  ...(rate && { rate }),
  ...(smtpControl && { smtpControl }),
  ...(issuedBy && { issuedBy }),
  createdAt,
});
