// Admission: the right to one attempt, asked for a queue before an email is taken, and for an email that goes by another transport.
import type { Outcome } from '../../../libs/mail/email/outcome';
import type { QueueAddress } from '../../../libs/mail/address/queue-address';
import { rateOf } from '../../../libs/mail/settings/settings';
import type { Clock } from '../../../libs/runtime/clock';
import type { Breakers } from '../../../libs/store/limits/breaker';
import type { Tenants } from '../../../libs/store/registries/tenants';
import type { Admission, Limits, Refusal } from '../../../libs/store/limits/transport-limits';
import type { Transports } from '../../../libs/store/registries/transports';
import { whileDown } from './circuit-breaker';
import { mayUseFallback } from './fallback';
import { loadTransport, type LoadTransportDeps } from './load-transport';
import { endAttempt, type AdmittedAttempt, type EndedAttempt, type OpenAttempt } from './record/attempt-steps';
import { needsFetching } from './resolve-inputs';

export interface AdmitDeps extends LoadTransportDeps {
  clock: Clock;
  breakers: Breakers;
  limits: Limits;
}

/** What is in use may be free again at any time; looked for so often. */
const SOON_MS = 1_000;
/** A transport that does not exist (yet) is asked for again after this. */
const NO_TRANSPORT_MS = 60_000;

/**
 * By the queue's own rate, and by its transport; the few emails that name another transport are admitted there when they are
 * taken (`admit`).
 */
export const admitQueue = async (
  deps: { tenants: Tenants; transports: Transports; limits: Limits },
  address: QueueAddress,
): Promise<Admission | Refusal> => {
  const [{ transport }, queue] = await Promise.all([deps.tenants.settings(address), deps.tenants.queue(address)]);
  const limits = (await deps.transports.get(address.tenant, transport))?.limits;
  const rate = rateOf(queue?.settings);
  if (rate === undefined) return deps.limits.admit(address.tenant, transport, limits);
  const passage = await deps.limits.pass(address, rate);
  if ('until' in passage) return passage;
  const admission = await deps.limits.admit(address.tenant, transport, limits);
  if ('until' in admission) {
    passage.cancel();
    return admission;
  }
  const both = (way: 'end' | 'cancel') => (): void => {
    admission[way]();
    passage[way]();
  };
  return { ...admission, end: both('end'), cancel: both('cancel'), leaveTransport: admission.cancel };
};

/** The transport of its queue has admitted it already; another one has to. */
const byOwnTransport = async (deps: AdmitDeps, attempt: OpenAttempt): Promise<Outcome | undefined> => {
  const { admission, lease, settings } = attempt;
  const { transport } = settings;
  if (transport === admission.transport) return undefined;
  const { tenant } = lease.queue.address;
  const refusal = await admission.changeTransport(async () => {
    const limits = (await deps.transports.get(tenant, transport))?.limits;
    return deps.limits.admit(tenant, transport, limits);
  });
  if (refusal === undefined) return undefined;
  // Nobody calls an email that was put back.
  const until = refusal.full === undefined ? refusal.until : Math.min(refusal.until, deps.clock.now() + SOON_MS);
  return { kind: 'throttled', text: `the transport ${transport} is at its limit`, until };
};

/** Whether the attempt may use its transport now. */
export const admit = async (deps: AdmitDeps, attempt: OpenAttempt): Promise<AdmittedAttempt | EndedAttempt> => {
  const { lease, settings } = attempt;
  const atLimit = await byOwnTransport(deps, attempt);
  if (atLimit !== undefined) return endAttempt(attempt, atLimit);
  const transport = await loadTransport(deps, lease.queue.address.tenant, settings.transport);
  if (transport === undefined) {
    const text = `the transport ${settings.transport} does not exist: put it, then the email goes out`;
    return endAttempt(attempt, { kind: 'throttled', text, until: deps.clock.now() + NO_TRANSPORT_MS });
  }
  // Nothing is fetched, kept or opened again and again for an email that a broken transport would not take.
  const admitted = { ...attempt, transport };
  const isCostly = needsFetching(lease.email) || settings.archive || settings.confidential;
  const down = isCostly ? await whileDown(deps, attempt) : undefined;
  return down === undefined || (await mayUseFallback(deps, admitted)) ? admitted : endAttempt(attempt, down);
};
