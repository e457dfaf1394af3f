// Mailboxes that reports come to, read one after the other by one worker of the installation: in turns by tenant, a few at a time.
import { setTimeout } from 'node:timers/promises';
import type { Audit } from '../../../libs/events/audit';
import { mailboxPlace, type StoredMailbox } from '../../../libs/mail/settings/bounce-mailbox';
import type { Log } from '../../../libs/runtime/log';
import { SecretKeyMissing } from '../../../libs/store/redis/secret-box';
import type { Transports } from '../../../libs/store/registries/transports';
import type { MailboxState, MailboxStates } from '../../../libs/store/reports/mailbox-states';
import { loginOf, type LoadMailboxDeps } from './load-mailbox';
import { MailboxFault, mailboxFault } from './mailbox-fault';
import { withMailbox, type OpenMailboxDeps } from './open-mailbox';
import { readMailbox, type ReadMailboxDeps } from './read-mailbox';

/** Connections at once, in all. */
const AT_ONCE = 8;
/** What one visit may take, ms: whatever a server does, its place is free again after this. */
const VISIT_MS = 60_000;
/** After a failed visit the next one is so many times later than usual, doubled with each failure in a row. */
const [AFTER_FAULT, AFTER_REFUSAL] = [1, 10];
/** Nobody waits longer for the next visit, ms. */
const LONGEST_FAULT_MS = 3_600_000;
const LONGEST_REFUSAL_MS = 6 * 3_600_000;
/** Visits of one tenant in a round: a few slow servers do not keep the others waiting. */
const MOST_OF_TENANT = 2;
/** Between two rounds, ms: a server that always has more, or ends each connection early, keeps nobody busy. */
const PAUSE_MS = 1_000;
/** A visit that ended the process so often in a row is a failed one. */
const MOST_BEGUN = 2;
/** Tenants that are looked through at once. */
const TENANTS_AT_ONCE = 20;

export interface ReadMailboxesDeps
  extends Omit<ReadMailboxDeps, 'keep' | 'reached' | 'audit'>, LoadMailboxDeps, OpenMailboxDeps {
  transports: Pick<Transports, 'list' | 'mailboxSecrets'>;
  mailboxStates: MailboxStates;
  audit: Pick<Audit, 'record'>;
  log: Log;
  /** How often each is read, ms. */
  mailboxEvery: number;
  /** For tests; `VISIT_MS` where it is not given. */
  visitMs?: number;
}

/** A mailbox whose turn has come. */
interface Due {
  tenant: string;
  transport: string;
  version: number;
  mailbox: StoredMailbox;
  state: MailboxState;
  /** The last visit failed, also that of before a correction. */
  wasFailing: boolean;
}

const stateOf = (known: MailboxState | undefined, version: number, of: string): MailboxState => {
  if (known?.of !== of) return { version, of, uidValidity: '', lastUid: 0, nextAt: 0, reports: 0 };
  // Somebody corrected it: it is read at once, and failures of before count no more.
  return known.version === version ? known : { ...known, version, nextAt: 0, failing: undefined };
};

const dueOf = async (deps: ReadMailboxesDeps, tenant: string): Promise<Due[]> => {
  const all = (await deps.transports.list(tenant)).flatMap(({ name, transport }) => {
    const mailbox = transport.returnPath?.mailbox;
    return mailbox === undefined ? [] : [{ tenant, transport: name, version: transport.version, mailbox }];
  });
  const states = await deps.mailboxStates.all(
    tenant,
    all.map(({ transport }) => transport),
  );
  return all.flatMap((one) => {
    const { state: known, asked = false } = states.get(one.transport) ?? {};
    const state = stateOf(known, one.version, mailboxPlace(one.mailbox));
    // What another mailbox in its place failed with was told of that one.
    const wasFailing = known?.of === state.of && known.failing !== undefined;
    return asked || state.nextAt <= deps.clock.now() ? [{ ...one, state, wasFailing }] : [];
  });
};

/** Each tenant's first one comes before anybody's second, and its third in another round; among these whoever has waited longest. */
const inTurns = (due: Due[]): Due[] => {
  const seen = new Map<string, number>();
  return [...due]
    .sort((a, b) => a.state.nextAt - b.state.nextAt)
    .map((one) => {
      const rank = seen.get(one.tenant) ?? 0;
      seen.set(one.tenant, rank + 1);
      return { one, rank };
    })
    .filter(({ rank }) => rank < MOST_OF_TENANT)
    .sort((a, b) => a.rank - b.rank)
    .map(({ one }) => one);
};

const findDue = async (deps: ReadMailboxesDeps, signal: AbortSignal): Promise<Due[]> => {
  const tenants = await deps.mailboxStates.tenants();
  const due: Due[] = [];
  for (let from = 0; from < tenants.length && !signal.aborted; from += TENANTS_AT_ONCE) {
    const some = tenants.slice(from, from + TENANTS_AT_ONCE);
    due.push(...(await Promise.all(some.map((tenant) => dueOf(deps, tenant)))).flat());
  }
  return inTurns(due);
};

/** Failures in a row come later and later; a login that is refused much later: servers count them, and lock. */
const failed = (deps: ReadMailboxesDeps, state: MailboxState, fault: MailboxFault): MailboxState => {
  const now = deps.clock.now();
  const times = (state.failing?.times ?? 0) + 1;
  const isLong = fault.patience === 'long';
  const wait = deps.mailboxEvery * (isLong ? AFTER_REFUSAL : AFTER_FAULT) * 2 ** Math.min(times - 1, 20);
  return {
    ...state,
    begun: undefined,
    checkedAt: now,
    nextAt: now + Math.min(wait, isLong ? LONGEST_REFUSAL_MS : LONGEST_FAULT_MS),
    failing: { times, since: state.failing?.since ?? now, words: fault.message },
  };
};

/** For administrators, beside the log: a mailbox cannot be read, or can be again. */
const tell = async (
  { audit, log }: ReadMailboxesDeps,
  { tenant, transport, wasFailing }: Due,
  after: MailboxState,
): Promise<void> => {
  if (wasFailing === (after.failing !== undefined)) return;
  const about = { tenant, transport };
  const why = after.failing?.words;
  if (why !== undefined) log.warn({ ...about, why }, 'a mailbox of reports cannot be read');
  else log.info(about, 'a mailbox of reports is read again');
  const what = why === undefined ? 'bounce mailbox read again' : `bounce mailbox not read: ${why}`;
  await audit.record({ by: 'the service', what, tenant, target: transport });
};

/** What is none of the mailbox's, such as a Redis that took nothing, is told in the log. */
const faultOf = ({ log }: ReadMailboxesDeps, { tenant, transport, mailbox }: Due, error: unknown): MailboxFault => {
  if (error instanceof MailboxFault || error instanceof SecretKeyMissing) return mailboxFault(error, mailbox);
  log.error({ error, tenant, transport }, 'a mailbox of reports was not read to its end; it is read again');
  return new MailboxFault('it was not read to its end for a fault of this service, whose log says more');
};

/** Further than before, in the same folder or in one that was made anew. */
const isFurther = (before: MailboxState, { uidValidity, lastUid }: MailboxState): boolean =>
  uidValidity === before.uidValidity ? lastUid > before.lastUid : lastUid > 0;

/** Reads one mailbox. @returns what is to be kept of it; undefined where the process stops and everything is kept */
const read = async (deps: ReadMailboxesDeps, due: Due, before: MailboxState, stopping: AbortSignal) => {
  const { tenant, transport, mailbox } = due;
  let state = before;
  const reached = (now: MailboxState): void => void (state = now);
  const keep = async (now: MailboxState): Promise<void> => {
    reached(now);
    await deps.mailboxStates.write(tenant, transport, now);
  };
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(deps.visitMs ?? VISIT_MS)]);
  const ended = (more: boolean): MailboxState => {
    const now = deps.clock.now();
    const nextAt = more ? now : now + deps.mailboxEvery;
    return { ...state, begun: undefined, failing: undefined, checkedAt: now, nextAt };
  };
  try {
    const login = loginOf(deps, tenant, transport, mailbox);
    const { state: after, more } = await withMailbox(deps, mailbox, login, signal, (client, fault) =>
      readMailbox({ ...deps, keep, reached }, { client, fault, tenant, mailbox }, state, signal),
    );
    reached(after);
    return ended(more);
  } catch (error) {
    if (stopping.aborted) return { ...state, begun: undefined, nextAt: deps.clock.now() };
    const fault = faultOf(deps, due, error);
    // What was read is read: a slow server, or one that ends connections early, is gone on with.
    return isFurther(before, state) ? ended(true) : failed(deps, state, fault);
  }
};

/** Says before a visit that it begins. @returns undefined where the last ones have ended the process: this one is left out */
const begin = async (deps: ReadMailboxesDeps, { tenant, transport, state }: Due): Promise<MailboxState | undefined> => {
  const begun = (state.begun ?? 0) + 1;
  if (begun > MOST_BEGUN) return undefined;
  const now = { ...state, begun, nextAt: deps.clock.now() + deps.mailboxEvery };
  await deps.mailboxStates.write(tenant, transport, now);
  return now;
};

const isThere = async ({ transports }: ReadMailboxesDeps, { tenant, transport }: Due): Promise<boolean> =>
  (await transports.list(tenant)).some(
    (one) => one.name === transport && one.transport.returnPath?.mailbox !== undefined,
  );

const KILLING = `reading it ended the process of the worker ${MOST_BEGUN} times: look at its log, and at what lies in the mailbox`;

const visit = async (deps: ReadMailboxesDeps, due: Due, stopping: AbortSignal): Promise<void> => {
  const { tenant, transport } = due;
  await deps.mailboxStates.taken(tenant, transport);
  const begun = await begin(deps, due);
  const after =
    begun === undefined ? failed(deps, due.state, new MailboxFault(KILLING)) : await read(deps, due, begun, stopping);
  // Somebody may have removed it meanwhile, with its tenant: nothing of it is left behind.
  if (!(await isThere(deps, due))) return deps.mailboxStates.forget(tenant, transport);
  await deps.mailboxStates.write(tenant, transport, after);
  if (!stopping.aborted) await tell(deps, due, after);
};

/** @returns one run of the duty: it goes on for as long as a mailbox has more */
export const createReadMailboxes = (deps: ReadMailboxesDeps) => {
  const round = async (due: Due[], signal: AbortSignal): Promise<void> => {
    const inOrder = async (): Promise<void> => {
      for (let one = due.shift(); one !== undefined && !signal.aborted; one = due.shift())
        await visit(deps, one, signal);
    };
    const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, inOrder));
    // Redis took no state: where the others have ended, the duty begins anew.
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  };
  return async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const due = await findDue(deps, signal);
      if (due.length === 0 || signal.aborted) return;
      await round(due, signal);
      await setTimeout(Math.min(PAUSE_MS, deps.mailboxEvery), undefined, { signal }).catch(() => undefined);
    }
  };
};
