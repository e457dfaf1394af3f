// One visit to a mailbox: its new messages are read, reports of the tenant's emails are taken, and whatever else is there stays as it is.
import type { ImapFlow } from 'imapflow';
import { takeReport, type TakeReportDeps } from '../../../libs/intake/reports/take-report';
import { parseQueueName } from '../../../libs/mail/address/queue-address';
import { MOST_READ, readReport } from '../../../libs/mail/reports/read-report';
import { TAG_LIFE_MS } from '../../../libs/mail/reports/return-path';
import type { StoredMailbox } from '../../../libs/mail/settings/bounce-mailbox';
import type { MailboxState } from '../../../libs/store/reports/mailbox-states';
import type { GoodTag, TagCheck } from '../../../libs/store/reports/tag-keys';
import { MailboxFault, mailboxFault } from './mailbox-fault';

/** Messages of one visit: the others of a full mailbox come after the other mailboxes. */
export const MOST_MESSAGES = 200;
/** What has ended the connection so often is left out. */
const MOST_TRIES = 3;
/** Messages count by their day, by the server's own calendar. */
const DAY_MS = 86_400_000;

export interface ReadMailboxDeps extends TakeReportDeps {
  checkTag: TagCheck;
  /** Keeps how far it came. */
  keep(state: MailboxState): Promise<void>;
}

interface Visit {
  client: ImapFlow;
  tenant: string;
  mailbox: StoredMailbox;
}

/** The first tag that is good, of an email of this tenant: anybody may write to the mailbox, and nobody else's emails are its. */
const goodTag = async (
  { checkTag, clock }: ReadMailboxDeps,
  tags: readonly string[],
  tenant: string,
): Promise<GoodTag | undefined> => {
  for (const tag of tags) {
    const checked = await checkTag(tag, clock.now());
    if (checked.kind === 'good' && parseQueueName(checked.queueName)?.tenant === tenant) return checked;
  }
  return undefined;
};

const REV2 = 'IMAP4REV2';

/**
 * What is done to a report that was taken. Where the server cannot remove one message alone (UIDPLUS, RFC 4315), it is marked and not
 * removed: an EXPUNGE would take along what other people have marked.
 * @returns whether it was done
 */
const putAway = async ({ client, mailbox }: Visit, uid: number): Promise<boolean> => {
  const range = String(uid);
  const byUid = { uid: true };
  const may = (extension: string): boolean => client.capabilities.has(extension) || client.capabilities.has(REV2);
  if (mailbox.processed === 'seen') return client.messageFlagsAdd(range, ['\\Seen'], byUid);
  if (mailbox.processed === 'delete') {
    if (may('UIDPLUS')) return client.messageDelete(range, byUid);
    return client.messageFlagsAdd(range, ['\\Seen', '\\Deleted'], byUid);
  }
  const folder = mailbox.moveTo ?? '';
  if (may('MOVE')) return (await client.messageMove(range, folder, byUid)) !== false;
  if ((await client.messageCopy(range, folder, byUid)) === false) return false;
  return client.messageFlagsAdd(range, ['\\Seen', '\\Deleted'], byUid);
};

const NOT_PUT_AWAY = {
  seen: 'reports were taken, and the server did not let them be marked as seen: the login needs the right to write',
  delete: 'reports were taken, and the server did not let them be deleted: the login needs the right to',
  move: 'reports were taken, and the server did not let them be moved: is the folder of moveTo there?',
} as const;

/** Numbers of messages that nobody has looked at, in their order; older than a tag lives none is asked for. */
const newMessages = async ({ client }: Visit, lastUid: number, now: number): Promise<number[]> => {
  const since = new Date(now - TAG_LIFE_MS - DAY_MS);
  const found = await client.search({ uid: `${lastUid + 1}:*`, since }, { uid: true });
  if (!found) throw new MailboxFault('the server refused to search the folder');
  // `n:*` names the last message even where its number is lower (RFC 9051 9, seq-range).
  return [...new Set(found.filter((uid) => uid > lastUid))].sort((a, b) => a - b);
};

/** @returns undefined where somebody has removed it meanwhile */
const fetchBeginning = async ({ client }: Visit, uid: number): Promise<Buffer | undefined> => {
  const message = await client.fetchOne(String(uid), { source: { start: 0, maxLength: MOST_READ } }, { uid: true });
  return message === false ? undefined : message.source;
};

/** @returns whether it was a report of ours */
const takeMessage = async (deps: ReadMailboxDeps, tenant: string, bytes: Buffer | undefined): Promise<boolean> => {
  if (bytes === undefined) return false;
  const { report, tags } = await readReport(bytes);
  if (report.kind === 'auto-reply' || report.kind === 'other') return false;
  const tag = await goodTag(deps, tags, tenant);
  if (tag === undefined) return false;
  await takeReport(deps, tag, report);
  return true;
};

/** This process is stopping: what a server that takes its time gets is a timeout. */
const isStopping = ({ aborted, reason }: AbortSignal): boolean =>
  aborted && (reason as Error | undefined)?.name !== 'TimeoutError';

/** How far it came, where the folder is that which was read before. */
const continued = ({ client }: Visit, state: MailboxState): MailboxState => {
  const selected = client.mailbox;
  const uidValidity = selected === false ? '' : String(selected.uidValidity);
  if (uidValidity === state.uidValidity) return state;
  return { ...state, uidValidity, lastUid: 0, hard: undefined };
};

/** Reads one message; state is kept where it was a report. @throws MailboxFault, and what Redis throws */
const readMessage = async (
  deps: ReadMailboxDeps,
  visit: Visit,
  state: MailboxState,
  uid: number,
  signal: AbortSignal,
): Promise<MailboxState> => {
  const { mailbox, tenant } = visit;
  const tries = state.hard?.uid === uid ? state.hard.times : 0;
  if (tries >= MOST_TRIES)
    return { ...state, lastUid: uid, note: `a message was left out (UID ${uid}): the server did not give it` };
  const bytes = await fetchBeginning(visit, uid).catch(async (error: unknown) => {
    // So that one message that the server does not give does not stand before the others forever.
    if (!isStopping(signal)) await deps.keep({ ...state, hard: { uid, times: tries + 1 } });
    throw mailboxFault(error, mailbox);
  });
  if (!(await takeMessage(deps, tenant, bytes))) return { ...state, lastUid: uid };
  // After it was taken: a crash in between brings it again, and a repetition does no harm.
  const isAway = await putAway(visit, uid).catch((error: unknown) => {
    throw mailboxFault(error, mailbox);
  });
  const taken = { reports: state.reports + 1, reportAt: deps.clock.now(), lastUid: uid };
  const after = { ...state, ...taken, ...(!isAway && { note: NOT_PUT_AWAY[mailbox.processed] }) };
  await deps.keep(after);
  return after;
};

/**
 * Reads what is new. State is kept after each report, so a process that ends in the middle does at most one of them again.
 * @param signal ends it after the present message
 * @returns the state then, and whether more is waiting
 * @throws MailboxFault, and what Redis throws
 */
export const readMailbox = async (
  deps: ReadMailboxDeps,
  visit: Visit,
  before: MailboxState,
  signal: AbortSignal,
): Promise<{ state: MailboxState; more: boolean }> => {
  const { client, mailbox } = visit;
  let state = continued(visit, before);
  const known = client.mailbox === false ? 0 : (client.mailbox.uidNext || 1) - 1;
  const found = await newMessages(visit, state.lastUid, deps.clock.now()).catch((error: unknown) => {
    throw mailboxFault(error, mailbox);
  });
  // A note stays until messages come that all went well.
  if (found.length > 0) state = { ...state, note: undefined };
  for (const uid of found.slice(0, MOST_MESSAGES)) {
    if (signal.aborted) return { state, more: true };
    state = await readMessage(deps, visit, state, uid, signal);
  }
  if (found.length > MOST_MESSAGES) return { state, more: true };
  return { state: { ...state, lastUid: Math.max(state.lastUid, known) }, more: false };
};
