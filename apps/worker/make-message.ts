// The message of an email at its time: gathered, rendered, composed and signed, or the reason why it cannot be made.
import type { ContentStore } from '../../libs/content/store';
import type { Address } from '../../libs/mail/address/address';
import type { FailureCode } from '../../libs/mail/email/failure';
import type { Outcome } from '../../libs/mail/email/outcome';
import type { ResolvedSettings } from '../../libs/mail/settings/settings';
import { messageIdOf, sendersOf, subjectOf, type StoredRaw } from '../../libs/mail/email/stored-email';
import { mayBeFrom } from '../../libs/mail/settings/transport';
import type { Lease } from '../../libs/jobs/transitions/lease';
import { RenderFailure } from '../../libs/render/source/failure';
import type { Renderer } from '../../libs/render/render';
import type { Clock } from '../../libs/runtime/clock';
import { codeOf, messageOf } from '../../libs/runtime/fault';
import type { OpenTransport } from '../../libs/send/smtp/connections';
import { composeMessage, envelopeAddress, type Message } from '../../libs/send/message/message';
import { rawMessage } from '../../libs/send/message/raw-message';
import { signMessage } from '../../libs/send/message/sign';
import type { Gather, Gathered } from './gather';
import { serviceHeaders } from './service-headers';

interface Deps {
  gather: Gather;
  renderer: Renderer;
  content: ContentStore;
  clock: Clock;
}

export interface Made {
  message: Message;
  /** The sender of the envelope. */
  from: string;
  /** Of the template it was made from. */
  version?: number;
  /** What an archive says of it. */
  facts: Pick<StoredRaw, 'from' | 'authors' | 'subject' | 'messageId'>;
  /** To be called when the message is not read any more. */
  discard: () => Promise<void>;
}

type Written = Pick<Made, 'message' | 'version'> & { subject: string };

const unreached = (code: FailureCode, text: string): Outcome => ({ kind: 'refused', code, text, replies: [] });

/** The sender, if the transport lets him; a complete message has one of its own, who must be allowed too. */
const senderOf = (
  { email }: Lease,
  settings: ResolvedSettings,
  { transport }: OpenTransport,
): { from: Address } | Outcome => {
  const { raw } = email;
  const from = email.from ?? (raw === undefined ? settings.from : { address: raw.from });
  if (from === undefined)
    return unreached('from-missing', 'no sender: give the email a from, or its queue or tenant a default');
  const refused = [from.address, ...(raw === undefined ? [] : sendersOf(raw))].find(
    (one) => !mayBeFrom(transport.allowedFrom, one),
  );
  if (refused === undefined) return { from };
  const text = `the transport ${settings.transport} does not allow emails from ${refused}: correct from, or its allowedFrom`;
  return unreached('from-not-allowed', text);
};

const compose = async (
  deps: Deps,
  { id, email, queue }: Lease,
  settings: ResolvedSettings,
  from: Address,
  { fetched, attachments, content }: Gathered,
): Promise<Written> => {
  const { tenant } = queue.address;
  const { subject, html, text, version } = await deps.renderer.render(tenant, {
    ...email,
    ...(fetched && { fetched }),
  });
  const message = await composeMessage(
    {
      email,
      attachments,
      from,
      replyTo: settings.replyTo,
      subject,
      text,
      ...(html !== undefined && { html }),
      serviceHeaders: serviceHeaders(id, email, settings.listUnsubscribe),
      messageId: messageIdOf(id, email),
      date: deps.clock.now(),
    },
    content,
  );
  return { message, subject, ...(version !== undefined && { version }) };
};

const complete = async (deps: Deps, { id, email }: Lease, raw: StoredRaw): Promise<Written> => ({
  message: await rawMessage(raw, { messageId: messageIdOf(id, email), date: deps.clock.now() }, deps.content),
  subject: subjectOf(email) ?? '',
});

/** A message that is sent again as it was is signed already. */
const sign = async (message: Message, raw: StoredRaw | undefined, { transport, secrets }: OpenTransport) => {
  const { dkim } = transport;
  if (dkim === undefined || secrets.dkimKey === undefined || raw?.gzip === true) return message;
  return signMessage(message, { ...dkim, privateKey: secrets.dkimKey });
};

/** What a fault in making it comes to. @throws what nobody expected */
const faultOutcome = (error: unknown, { signal }: Lease): Outcome => {
  if (error instanceof RenderFailure) return unreached(error.code, error.message);
  if (codeOf(error) === 'ENOENT') return unreached('content-missing', messageOf(error));
  if (signal.aborted) return { kind: 'interrupted', text: String(signal.reason) };
  throw error;
};

/** @returns an outcome where the email cannot be made */
export const makeMessage = async (
  deps: Deps,
  lease: Lease,
  settings: ResolvedSettings,
  transport: OpenTransport,
): Promise<Made | Outcome> => {
  const { id, email } = lease;
  const { raw } = email;
  const sender = senderOf(lease, settings, transport);
  if ('kind' in sender) return sender;
  const { from } = sender;
  let discard: Made['discard'] | undefined;
  try {
    const gathered = await deps.gather(lease, settings);
    if ('kind' in gathered) return gathered;
    ({ discard } = gathered);
    const { message, subject, version } =
      raw === undefined ? await compose(deps, lease, settings, from, gathered) : await complete(deps, lease, raw);
    return {
      message: await sign(message, raw, transport),
      from: envelopeAddress(from),
      ...(version !== undefined && { version }),
      facts: {
        from: raw?.from ?? from.address,
        ...(raw?.authors && { authors: raw.authors }),
        subject,
        messageId: messageIdOf(id, email),
      },
      discard,
    };
  } catch (error) {
    await discard?.();
    return faultOutcome(error, lease);
  }
};
