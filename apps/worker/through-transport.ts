// What an attempt owes its transport: to be admitted by its limits and its breaker, and to tell how it went.
import type { Outcome } from '../../libs/mail/email/outcome';
import { askedWith } from '../../libs/mail/settings/oauth';
import type { Lease } from '../../libs/jobs/transitions/lease';
import type { AccessTokens } from '../../libs/oauth/access-tokens';
import type { Clock } from '../../libs/runtime/clock';
import type { OpenTransport } from '../../libs/send/smtp/connections';
import type { Breakers, Pass, Reported } from '../../libs/store/limits/breaker';
import type { Admission, Limits } from '../../libs/store/limits/transport-limits';
import type { Transports } from '../../libs/store/registries/transports';

export interface TransportDeps {
  clock: Clock;
  transports: Transports;
  accessTokens: AccessTokens;
  breakers: Breakers;
  limits: Limits;
  /** A transport went down or came up. */
  onTransport: (transport: string, change: Reported['change'], why: string) => void;
  /** A server would not have a connection: so many are used from now on. */
  onCrowded: (transport: string, connections: number, why: string) => void;
}

/** What is in use may be free again at any time; looked for so often. */
const SOON_MS = 1_000;
/** Emails parked for a broken transport come back spread over this. */
const SPREAD_MS = 500;

/** An email that a crowded server did not take is tried again after this, or what the server asks for within bounds. */
const CROWDED_MS = 1_000;
const LONGEST_CROWDED_MS = 60_000;

/** Parked: everyone comes back a little later than the transport is tried again, not all at once. */
const throttled = (transport: string, until: number): Outcome => ({
  kind: 'throttled',
  text: `the transport ${transport} is down`,
  until: until + Math.floor(Math.random() * SPREAD_MS),
});

/** A transport with its secrets, ready to be used. */
export const openTransport = async (
  { transports, accessTokens }: { transports: Transports; accessTokens: AccessTokens },
  tenant: string,
  name: string,
): Promise<OpenTransport | undefined> => {
  const transport = await transports.get(tenant, name);
  if (transport === undefined) return undefined;
  const secrets = transports.secrets(tenant, name, transport);
  const open = { id: `${tenant}/${name}`, transport, secrets };
  const { auth } = transport;
  if (auth?.oauth2 === undefined) return open;
  const { tokenUrl, clientId, scope, grant } = auth.oauth2;
  const given = { tokenUrl, clientId, grant, ...(scope !== undefined && { scope }) };
  const owner = {
    tenant,
    transport: name,
    oauth2: { ...given, user: auth.user, secrets: secrets.oauth2 ?? {} },
    askedWith: askedWith(auth.user, auth.oauth2),
  };
  const tokens = {
    get: () => accessTokens.get(owner),
    refused: (token: string) => accessTokens.refused(owner, token),
  };
  return { ...open, tokens };
};

/** An outcome's words for people who do not see the email: without its addresses. */
const wordsOf = (outcome: Outcome): string =>
  'text' in outcome ? outcome.text.replace(/[^\s<>:;,("]+@[^\s<>:;,)"]+/g, '(address)') : '';

/** The right to try a transport, and what came of it. */
interface Tried {
  transport: string;
  admission: Admission;
  pass: Pass;
}

/** Tells the breaker; a fault that did not count towards opening it costs the email no attempt. */
const tell = async (
  deps: TransportDeps,
  lease: Lease,
  { transport, pass }: Tried,
  outcome: Outcome,
  fault: boolean,
): Promise<Outcome> => {
  const { tenant } = lease.queue.address;
  const words = fault ? wordsOf(outcome) : undefined;
  const { change, counted, until } = await deps.breakers.report(tenant, transport, pass, lease.id, words);
  if (change !== 'none') deps.onTransport(`${tenant}/${transport}`, change, wordsOf(outcome));
  if (outcome.kind !== 'deferred' || !fault || counted || until === undefined) return outcome;
  return throttled(transport, until);
};

/**
 * The server would not have one more connection: fewer are used, and the email waits without paying for it. Where nobody else is
 * connected it is not for their number: that is a server which takes nothing at present, and the breaker's business.
 */
const makeRoom = async (
  deps: TransportDeps,
  lease: Lease,
  tried: Tried,
  outcome: Extract<Outcome, { kind: 'deferred' }>,
): Promise<Outcome> => {
  const { tenant } = lease.queue.address;
  const words = wordsOf(outcome);
  const { others, most, changed } = await tried.admission.refused(words);
  if (changed) deps.onCrowded(`${tenant}/${tried.transport}`, most, words);
  const told = await tell(deps, lease, tried, outcome, others === 0);
  if (told.kind === 'throttled') return told;
  const wish = Math.min(outcome.retryAfter ?? 0, LONGEST_CROWDED_MS);
  const until = deps.clock.now() + Math.max(CROWDED_MS, wish) + Math.floor(Math.random() * SPREAD_MS);
  return { kind: 'throttled', text: outcome.text, until };
};

/** Where the breaker is open and stays so: the email waits without anything being done for it. */
export const parkedBy = async (deps: TransportDeps, lease: Lease, transport: string): Promise<Outcome | undefined> => {
  const broken = await deps.breakers.read(lease.queue.address.tenant, transport);
  if (broken === undefined || broken.nextProbeAt <= deps.clock.now()) return undefined;
  return throttled(transport, broken.nextProbeAt);
};

/** Asks the breaker, works, tells it. */
export const pastBreaker = async (
  deps: TransportDeps,
  lease: Lease,
  { transport, admission }: Omit<Tried, 'pass'>,
  work: () => Promise<Outcome>,
): Promise<Outcome> => {
  const { tenant } = lease.queue.address;
  const pass = await deps.breakers.permit(tenant, transport);
  if (pass.kind === 'wait') return throttled(transport, pass.until);
  const outcome = await deps.breakers.hold(tenant, transport, pass, work);
  const tried = { transport, admission, pass };
  // No server was asked: that is no sign of a transport that is well, and one that is down stays down.
  if (outcome.kind === 'throttled')
    return pass.leased || outcome.blame === 'transport' ? tell(deps, lease, tried, outcome, true) : outcome;
  if (outcome.kind === 'deferred' && outcome.crowded) return makeRoom(deps, lease, tried, outcome);
  const fault = (outcome.kind === 'deferred' || outcome.kind === 'uncertain') && outcome.blame === 'transport';
  return tell(deps, lease, tried, outcome, fault);
};

/**
 * The queue's transport has admitted the attempt; an email that names another one must be admitted there. What a server was
 * not asked for does not count: emails that wait for a broken one must not use up what it allows.
 * @param work gets the admission that holds
 * @param wasAsked whether the work came so far that the server was asked
 */
export const withinLimits = async (
  deps: TransportDeps,
  lease: Lease,
  transport: string,
  admission: Admission,
  work: (admission: Admission) => Promise<Outcome>,
  wasAsked: () => boolean,
): Promise<Outcome> => {
  if (transport === admission.transport) return work(admission);
  (admission.leaveTransport ?? admission.cancel)();
  const { tenant } = lease.queue.address;
  const limits = (await deps.transports.get(tenant, transport))?.limits;
  const own = await deps.limits.admit(tenant, transport, limits);
  if ('until' in own) {
    // Nobody calls an email that was put back.
    const until = own.full === undefined ? own.until : Math.min(own.until, deps.clock.now() + SOON_MS);
    return { kind: 'throttled', text: `the transport ${transport} is at its limit`, until };
  }
  try {
    return await work(own);
  } finally {
    if (wasAsked()) own.end();
    else own.cancel();
  }
};
