// How a transport is: what stands in its way now, and what comes of trying it.
import { newOperationId } from '../../../../libs/jobs/layout/email-id';
import { notFound } from '../../../../libs/mail/input/problem';
import { mailboxPlace } from '../../../../libs/mail/settings/bounce-mailbox';
import type { StoredTransport } from '../../../../libs/mail/settings/transport';
import type { MailboxState } from '../../../../libs/store/reports/mailbox-states';
import { OperationBegun } from '../../answers/operations';
import { TransportState, VerifyResult } from '../../answers/transports';
import { endpoint } from '../../http/endpoint/endpoint';
import type { RouteDeps } from '../../http/route-deps';
import { wakeQueues } from './tenants';
import { existingTransport, MAY_CHANGE, MAY_READ, TRANSPORT } from './transports';

const iso = (ms: number): string => new Date(ms).toISOString();

/** What is known of the mailbox as it is now: what was kept of another one, or of before a correction, says nothing of it. */
const knownOf = (transport: StoredTransport, state: MailboxState | undefined): MailboxState | undefined => {
  const mailbox = transport.returnPath?.mailbox;
  if (mailbox === undefined || state?.of !== mailboxPlace(mailbox)) return undefined;
  return state.version === transport.version ? state : { ...state, nextAt: 0, failing: undefined };
};

const mailboxView = (state: MailboxState | undefined, now: number) => ({
  ...(state?.checkedAt !== undefined && { checkedAt: iso(state.checkedAt) }),
  nextCheckAt: iso(Math.max(state?.nextAt ?? 0, now)),
  reports: state?.reports ?? 0,
  ...(state?.reportAt !== undefined && { lastReportAt: iso(state.reportAt) }),
  ...(state?.failing && { failing: { since: iso(state.failing.since), words: state.failing.words } }),
  ...(state?.note !== undefined && { note: state.note }),
});

const getTransportState = endpoint({
  method: 'get',
  path: `${TRANSPORT}/state`,
  id: 'getTransportState',
  tag: 'Transports',
  summary: 'How a transport is now',
  description:
    'Whether it is down, since when and in whose words, and whether its server takes fewer connections. Where its return path has a mailbox: when that was read last and is read next, and what stands in the way.',
  may: MAY_READ,
  answers: { 200: { description: 'Its state.', schema: TransportState } },
  async handle(
    deps: Pick<RouteDeps, 'transports' | 'breakers' | 'limits' | 'mailboxStates' | 'clock'>,
    { tenant, params: { name } },
  ) {
    const transport = await existingTransport(deps, tenant, name);
    const hasMailbox = transport.returnPath?.mailbox !== undefined;
    const [broken, lowered, mailbox] = await Promise.all([
      deps.breakers.read(tenant, name),
      deps.limits.lowered(tenant, name),
      hasMailbox ? deps.mailboxStates.read(tenant, name) : undefined,
    ]);
    const down = broken && {
      since: iso(broken.since),
      ...(broken.words !== undefined && { words: broken.words }),
      nextTryAt: iso(broken.nextProbeAt),
    };
    return {
      body: {
        breaker: broken?.state ?? 'closed',
        ...(down && { down }),
        ...(lowered && { lowered: { since: iso(lowered.since), words: lowered.words } }),
        ...(hasMailbox && { mailbox: mailboxView(knownOf(transport, mailbox), deps.clock.now()) }),
      },
    };
  },
});

const verifyTransport = endpoint({
  method: 'post',
  path: `${TRANSPORT}/verify`,
  id: 'verifyTransport',
  tag: 'Transports',
  summary: 'Connect, greet and log in now',
  description:
    'A worker tries the transport at once, and nothing is sent. The answer has what was said, without credentials. One that was down and is up again is used at once. What takes longer is looked up.',
  may: MAY_CHANGE,
  grows: 'never',
  answers: {
    200: { description: 'What came of it.', schema: VerifyResult },
    202: {
      description: 'It takes longer: its result will be in the operation that Location names.',
      schema: OperationBegun,
      headers: ['Location'],
    },
  },
  problems: ['no-worker'],
  async handle(
    deps: Pick<RouteDeps, 'transports' | 'clock' | 'orders' | 'breakers'> & Parameters<typeof wakeQueues>[0],
    { tenant, params: { name } },
  ) {
    await existingTransport(deps, tenant, name);
    const id = newOperationId(deps.clock.now());
    const result = await deps.orders.verify(id, { tenant, transport: name });
    if (result?.ok === true && (await deps.breakers.read(tenant, name)) !== undefined) {
      await deps.breakers.reset(tenant, name);
      await wakeQueues(deps, tenant);
    }
    if (result !== undefined) return { body: result };
    return { status: 202, headers: { Location: `/v1/operations/${id}` }, body: { id, state: 'running' } };
  },
});

const checkBounceMailbox = endpoint({
  method: 'post',
  path: `${TRANSPORT}/mailbox/check`,
  id: 'checkBounceMailbox',
  tag: 'Transports',
  summary: 'Read the mailbox of its return path soon',
  description:
    'It is read in the next round of the worker that reads, whatever it waits for after a failure. What came of it is in the state of the transport.',
  may: MAY_CHANGE,
  grows: 'never',
  answers: { 204: { description: 'It is read soon.' } },
  async handle(deps: Pick<RouteDeps, 'transports' | 'mailboxStates'>, { tenant, params: { name } }) {
    const { returnPath } = await existingTransport(deps, tenant, name);
    if (returnPath?.mailbox === undefined) throw notFound(`mailbox of the transport ${name}`);
    await deps.mailboxStates.ask(tenant, name);
    return { status: 204 };
  },
});

export const TRANSPORT_TRIAL_ENDPOINTS = [getTransportState, verifyTransport, checkBounceMailbox];
