// The second transport of an attempt: taken where the first one cannot be used and its server has heard nothing of the email.
import { loadTransport, type LoadTransportDeps } from './load-transport';
import { whileDown, type CircuitBreakerDeps } from './circuit-breaker';
import { notAllowedSender } from './resolve-inputs';
import type { Limits } from '../../../libs/store/limits/transport-limits';
import { endAttempt, type AdmittedAttempt, type EndedAttempt, type ResolvedAttempt } from './record/attempt-steps';

type FallbackDeps = LoadTransportDeps & Pick<CircuitBreakerDeps, 'breakers' | 'clock'> & { limits: Limits };

/**
 * Its name, where there is one and the email may go there: never once a recipient has it, or a hand-over began in this generation,
 * whatever came of it, since two servers would know nothing of each other's copy.
 */
const fallbackOf = ({ transport, settings, marks }: AdmittedAttempt): string | undefined => {
  const { fallback } = transport.transport;
  if (fallback === settings.transport || marks.handedOver || marks.done.accepted.length > 0) return undefined;
  return fallback;
};

/** The same attempt, were it to go by another transport. */
const by = <A extends AdmittedAttempt>(attempt: A, transport: string): A => ({
  ...attempt,
  settings: { ...attempt.settings, transport },
});

/** Whether an email whose transport is down may still go out now. */
export const mayUseFallback = async (deps: FallbackDeps, attempt: AdmittedAttempt): Promise<boolean> => {
  const name = fallbackOf(attempt);
  if (name === undefined) return false;
  const known = await deps.transports.get(attempt.lease.queue.address.tenant, name);
  return known !== undefined && (await whileDown(deps, by(attempt, name))) === undefined;
};

/** Its own sender and limits hold. @returns undefined where the email may not go by it now */
const admitToFallback = async (
  deps: FallbackDeps,
  attempt: ResolvedAttempt,
  because: string,
): Promise<ResolvedAttempt | undefined> => {
  const { lease, admission, inputs, settings } = attempt;
  const { tenant } = lease.queue.address;
  const name = fallbackOf(attempt);
  if (name === undefined || lease.signal.aborted || !(await mayUseFallback(deps, attempt))) return undefined;
  const transport = await loadTransport(deps, tenant, name);
  if (transport === undefined) return undefined;
  if (notAllowedSender(lease.email, inputs.from, transport.transport) !== undefined) return undefined;
  const { limits } = transport.transport;
  const refusal = await admission.changeTransport(() => deps.limits.admit(tenant, name, limits));
  if (refusal !== undefined) return undefined;
  admission.setServerAsked(false);
  return { ...by(attempt, name), transport, fallback: { for: settings.transport, because } };
};

const wordsOf = ({ outcome }: EndedAttempt): string => ('text' in outcome ? outcome.text : outcome.kind);

/** As without a fallback, with a word of it. */
const asWithout = (first: EndedAttempt, second: EndedAttempt): EndedAttempt => {
  const { outcome } = first;
  if (!('text' in outcome)) return first;
  const text = `${outcome.text}; its fallback ${second.settings.transport}: ${wordsOf(second)}`;
  return { ...first, outcome: { ...outcome, text } };
};

/**
 * Brings an email to a server, by the fallback where its own transport cannot be used: it is down, or it failed before the email
 * was named there. The fallback of a fallback is not used.
 * @param bring does it by the transport of an attempt, and tells that transport's breaker
 */
export const withFallback = async (
  deps: FallbackDeps,
  attempt: ResolvedAttempt,
  bring: (attempt: ResolvedAttempt) => Promise<EndedAttempt>,
): Promise<EndedAttempt> => {
  const { tenant } = attempt.lease.queue.address;
  const isWell = fallbackOf(attempt) === undefined || deps.breakers.isWell(tenant, attempt.settings.transport);
  // A message that nobody would take now is not made.
  const down = isWell ? undefined : await whileDown(deps, attempt);
  const first = down === undefined ? await bring(attempt) : { ...endAttempt(attempt, down), isUnheard: true };
  if (first.isUnheard !== true) return first;
  const other = await admitToFallback(deps, attempt, wordsOf(first));
  if (other === undefined) return first;
  const second = await bring(other);
  return second.isUnheard === true ? asWithout(first, second) : second;
};
