// An attempt and the circuit breaker of its transport: whether it may be tried, and what its outcome tells of the transport.
import type { Outcome } from '../../../libs/mail/email/outcome';
import type { Clock } from '../../../libs/runtime/clock';
import type { Breakers, Pass, Reported } from '../../../libs/store/limits/breaker';
import { endAttempt, type EndedAttempt, type OpenAttempt } from './record/attempt-steps';

export interface CircuitBreakerDeps {
  clock: Clock;
  breakers: Breakers;
  /** A transport went down or came up. @param transport `tenant/name` */
  onTransport: (transport: string, change: Reported['change'], why: string) => void;
  /** A server would not have a connection: so many are used from now on. @param transport `tenant/name` */
  onCrowded: (transport: string, connections: number, why: string) => void;
}

/** Emails parked for a broken transport come back spread over this. */
const SPREAD_MS = 500;

/** An email that a crowded server did not take is tried again after this, or what the server asks for within bounds. */
const CROWDED_MS = 1_000;
const LONGEST_CROWDED_MS = 60_000;

/** Parked: every email comes back a little later than the transport is tried again, not all at once. */
const parked = ({ settings }: OpenAttempt, until: number): Outcome => ({
  kind: 'throttled',
  text: `the transport ${settings.transport} is down`,
  until: until + Math.floor(Math.random() * SPREAD_MS),
});

/** An outcome's words for people who do not see the email: without its addresses. */
const wordsOf = (outcome: Outcome): string =>
  'text' in outcome ? outcome.text.replace(/[^\s<>:;,("]+@[^\s<>:;,)"]+/g, '(address)') : '';

/** Tells the breaker; a fault that did not count towards opening it costs the email no attempt. */
const tell = async (
  deps: CircuitBreakerDeps,
  attempt: EndedAttempt,
  pass: Pass,
  isFault: boolean,
): Promise<Outcome> => {
  const { lease, settings, outcome } = attempt;
  const { tenant } = lease.queue.address;
  const { transport } = settings;
  const words = isFault ? wordsOf(outcome) : undefined;
  const { change, counted, until } = await deps.breakers.report(tenant, transport, pass, lease.id, words);
  if (change !== 'none') deps.onTransport(`${tenant}/${transport}`, change, wordsOf(outcome));
  if (outcome.kind !== 'deferred' || !isFault || counted || until === undefined) return outcome;
  return parked(attempt, until);
};

/**
 * The server would not have one more connection: fewer are used, and the email waits without paying for it. Where nobody else is
 * connected it is not for their number: that is a server which takes nothing at present, and the breaker's business.
 */
const useFewerConnections = async (
  deps: CircuitBreakerDeps,
  attempt: EndedAttempt,
  pass: Pass,
  outcome: Extract<Outcome, { kind: 'deferred' }>,
): Promise<Outcome> => {
  const { lease, settings, admission } = attempt;
  const words = wordsOf(outcome);
  const { others, most, changed } = await admission.refused(words);
  if (changed) deps.onCrowded(`${lease.queue.address.tenant}/${settings.transport}`, most, words);
  const told = await tell(deps, attempt, pass, others === 0);
  if (told.kind === 'throttled') return told;
  const wish = Math.min(outcome.retryAfter ?? 0, LONGEST_CROWDED_MS);
  const until = deps.clock.now() + Math.max(CROWDED_MS, wish) + Math.floor(Math.random() * SPREAD_MS);
  return { kind: 'throttled', text: outcome.text, until };
};

const learn = async (deps: CircuitBreakerDeps, attempt: EndedAttempt, pass: Pass): Promise<Outcome> => {
  const { outcome } = attempt;
  // No server was asked: that is no sign of a transport that is well, and one that is down stays down.
  if (outcome.kind === 'throttled') {
    const isFault = outcome.blame === 'transport' || ('leased' in pass && pass.leased);
    return isFault ? tell(deps, attempt, pass, true) : outcome;
  }
  if (outcome.kind === 'deferred' && outcome.crowded) return useFewerConnections(deps, attempt, pass, outcome);
  const isFault = (outcome.kind === 'deferred' || outcome.kind === 'uncertain') && outcome.blame === 'transport';
  return tell(deps, attempt, pass, isFault);
};

/** @returns the outcome of an attempt whose transport is down and stays so for now: it waits without anything being done for it */
export const whileDown = async (
  deps: Pick<CircuitBreakerDeps, 'breakers' | 'clock'>,
  attempt: OpenAttempt,
): Promise<Outcome | undefined> => {
  const broken = await deps.breakers.read(attempt.lease.queue.address.tenant, attempt.settings.transport);
  if (broken === undefined || broken.nextProbeAt <= deps.clock.now()) return undefined;
  return parked(attempt, broken.nextProbeAt);
};

/**
 * Asks the breaker, tries the transport, and tells the breaker how it went.
 * @param tryTransport is not called where the breaker says no
 * @throws what it throws
 */
export const underBreaker = async (
  deps: CircuitBreakerDeps,
  attempt: OpenAttempt,
  tryTransport: () => Promise<EndedAttempt>,
): Promise<EndedAttempt> => {
  const { tenant } = attempt.lease.queue.address;
  const { transport } = attempt.settings;
  const pass = await deps.breakers.permit(tenant, transport);
  if (pass.kind === 'wait') return { ...endAttempt(attempt, parked(attempt, pass.until)), isUnheard: !pass.recovering };
  const tried = await deps.breakers.hold(tenant, transport, pass, tryTransport);
  return { ...tried, outcome: await learn(deps, tried, pass) };
};
