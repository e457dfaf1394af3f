// One visit to a mailbox: its new messages are read, reports of the tenant's emails are taken, and whatever else is there stays as it is.
import type { ImapFlow } from 'imapflow';
import { goodTag } from '../../../libs/intake/reports/good-tag';
import { takeReport, type TakeReportDeps } from '../../../libs/intake/reports/take-report';
import { MOST_READ, readReport } from '../../../libs/mail/reports/read-report';
import { TAG_LIFE_MS } from '../../../libs/mail/reports/return-path';
import type { StoredMailbox } from '../../../libs/mail/settings/bounce-mailbox';
import type { MailboxState } from '../../../libs/store/reports/mailbox-states';
import type { TagCheck } from '../../../libs/store/reports/tag-keys';
import { MailboxFault } from './mailbox-fault';

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
  /** How far it came since, where nothing was done that a repetition would do again. */
  reached(state: MailboxState): void;
}

interface Visit {
  client: ImapFlow;
  /** What went wrong there, in words. */
  fault(thrown: unknown): MailboxFault;
  tenant: string;
  mailbox: StoredMailbox;
}

const REV2 = 'IMAP4REV2';

/**
 * What is done to a report that was taken. Where the server cannot remove one message alone (UIDPLUS, RFC 4315), it is marked and not
 * removed: an EXPUNGE would take along what other people have marked.
 * @returns whether it was done
 */
const putAway = async ({ client, mailbox }: Visit, uid: number): Promise<boolean> => {
  const range = String(uid);
  const byUid = { uid: true };
  // Who offers IMAP4rev2 speaks it, with all that it has, where it was enabled (RFC 9051 6.3.1).
  const may = (extension: string): boolean => client.capabilities.has(extension) || client.enabled.has(REV2);
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
  // In their order, each once. `n:*` names the last message even where its number is lower (RFC 9051 9, seq-range).
  return found.filter((uid) => uid > lastUid);
};

/** @returns undefined where somebody has removed it meanwhile */
const fetchBeginning = async ({ client }: Visit, uid: number): Promise<Buffer | undefined> => {
  const query = { source: { start: 0, maxLength: MOST_READ } };
  let source: Buffer | undefined;
  // One row after the other: a server may send any number of which nobody has asked for.
  for await (const row of client.fetch(String(uid), query, { uid: true }))
    if (row.uid === uid && row.source !== undefined) source = row.source;
  return source;
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

/** The connection ended at this message: so that one does not stand before the others forever, it is counted. */
const struck = async (
  deps: ReadMailboxDeps,
  state: MailboxState,
  hard: NonNullable<MailboxState['hard']>,
  { signal, isFirst }: { signal: AbortSignal; isFirst: boolean },
): Promise<void> => {
  // The time of the visit was over: no fault of a message, unless it took all of it.
  if (signal.aborted && (isStopping(signal) || !isFirst)) return;
  await deps.keep({ ...state, hard: { ...hard, times: hard.times + 1 } });
};

/** After so many tries. */
const leftOut = (state: MailboxState, { uid, taken }: NonNullable<MailboxState['hard']>, now: number): MailboxState =>
  taken === true
    ? {
        ...state,
        reports: state.reports + 1,
        reportAt: now,
        lastUid: uid,
        note: `a report was taken and stays where it is (UID ${uid}): the connection ended whenever it was put away`,
      }
    : { ...state, lastUid: uid, note: `a message was left out (UID ${uid}): the server did not give it` };

/** Reads one message; state is kept where it was a report. @throws MailboxFault, and what Redis throws */
const readMessage = async (
  deps: ReadMailboxDeps,
  visit: Visit,
  state: MailboxState,
  uid: number,
  how: { signal: AbortSignal; isFirst: boolean },
): Promise<MailboxState> => {
  const { mailbox, tenant, client } = visit;
  const hard = state.hard?.uid === uid ? state.hard : { uid, times: 0 };
  if (hard.times >= MOST_TRIES) return leftOut(state, hard, deps.clock.now());
  const bytes = await fetchBeginning(visit, uid).catch(async (error: unknown) => {
    await struck(deps, state, hard, how);
    throw visit.fault(error);
  });
  if (!(await takeMessage(deps, tenant, bytes))) return { ...state, lastUid: uid };
  // After it was taken: a crash in between brings it again, and a repetition does no harm.
  const lost = async (error: unknown): Promise<never> => {
    await struck(deps, state, { ...hard, taken: true }, how);
    throw visit.fault(error);
  };
  const isAway = await putAway(visit, uid).catch(lost);
  // The library says of a connection that has ended, and of a server that refuses, the same.
  if (!isAway && (how.signal.aborted || !client.usable))
    return lost(new MailboxFault('the connection ended while a report was put away'));
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
  let state = continued(visit, before);
  const found = await newMessages(visit, state.lastUid, deps.clock.now()).catch((error: unknown) => {
    throw visit.fault(error);
  });
  // A note stays until messages come that all went well.
  if (found.length > 0) state = { ...state, note: undefined };
  const some = found.slice(0, MOST_MESSAGES);
  for (const [index, uid] of some.entries()) {
    if (signal.aborted) return { state, more: true };
    state = await readMessage(deps, visit, state, uid, { signal, isFirst: index === 0 });
    deps.reached(state);
  }
  return { state, more: found.length > some.length };
};
