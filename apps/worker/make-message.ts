// The message of an email at its time: rendered, composed and signed, or the reason why it cannot be made.
import type { ContentStore } from '../../libs/content/store';
import type { FailureCode } from '../../libs/mail/failure';
import type { Outcome } from '../../libs/mail/outcome';
import type { ResolvedSettings } from '../../libs/mail/settings';
import { messageIdOf, subjectOf, type StoredRaw } from '../../libs/mail/stored-email';
import { mayBeFrom } from '../../libs/mail/transport';
import type { Lease } from '../../libs/queue/email-worker';
import { RenderFailure } from '../../libs/render/failure';
import type { Renderer } from '../../libs/render/render';
import type { Clock } from '../../libs/runtime/clock';
import { codeOf, messageOf } from '../../libs/runtime/fault';
import type { OpenTransport } from '../../libs/send/connections';
import { composeMessage, envelopeAddress, type Message } from '../../libs/send/message';
import { rawMessage } from '../../libs/send/raw-message';
import { signMessage } from '../../libs/send/sign';
import { serviceHeaders } from './service-headers';

const unreached = (code: FailureCode, text: string): Outcome => ({ kind: 'refused', code, text, replies: [] });

interface Deps {
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
  facts: Pick<StoredRaw, 'from' | 'subject' | 'messageId'>;
}

/** Renders and composes. @throws RenderFailure, ENOENT */
const compose = async (
  deps: Deps,
  lease: Lease,
  settings: ResolvedSettings,
  from: NonNullable<ResolvedSettings['from']>,
): Promise<Pick<Made, 'message' | 'version'> & { subject: string }> => {
  const { id, email, queue } = lease;
  const { subject, html, text, version } = await deps.renderer.render(queue.address.tenant, email);
  const message = await composeMessage(
    {
      email,
      from,
      replyTo: settings.replyTo,
      subject,
      text,
      ...(html !== undefined && { html }),
      serviceHeaders: serviceHeaders(id, email, settings.listUnsubscribe),
      messageId: messageIdOf(id, email),
      date: deps.clock.now(),
    },
    deps.content,
  );
  return { message, subject, ...(version !== undefined && { version }) };
};

/** A message that came whole stays as it is; one that was sent before is signed already. */
const ofRaw = async (
  deps: Deps,
  { id, email }: Lease,
  raw: StoredRaw,
): Promise<Pick<Made, 'message' | 'version'> & { subject: string }> => ({
  message: await rawMessage(raw, { messageId: messageIdOf(id, email), date: deps.clock.now() }, deps.content),
  subject: subjectOf(email) ?? '',
});

/** @returns an outcome where the email cannot be made */
export const makeMessage = async (
  deps: Deps,
  lease: Lease,
  settings: ResolvedSettings,
  { transport, secrets }: OpenTransport,
): Promise<Made | Outcome> => {
  const { id, email } = lease;
  const { raw } = email;
  const from = email.from ?? (raw === undefined ? settings.from : { address: raw.from });
  if (from === undefined)
    return unreached('from-missing', 'no sender: give the email a from, or its queue or tenant a default');
  for (const address of [from.address, ...(raw === undefined ? [] : [raw.from])]) {
    if (mayBeFrom(transport.allowedFrom, address)) continue;
    const text = `the transport ${settings.transport} does not allow emails from ${address}: correct from, or its allowedFrom`;
    return unreached('from-not-allowed', text);
  }
  try {
    const { message, subject, version } =
      raw === undefined ? await compose(deps, lease, settings, from) : await ofRaw(deps, lease, raw);
    const { dkim } = transport;
    const key = dkim && raw?.gzip !== true && secrets.dkimKey !== undefined && { ...dkim, privateKey: secrets.dkimKey };
    return {
      message: key ? await signMessage(message, key) : message,
      from: envelopeAddress(from),
      ...(version !== undefined && { version }),
      facts: { from: raw?.from ?? from.address, subject, messageId: messageIdOf(id, email) },
    };
  } catch (error) {
    if (error instanceof RenderFailure) return unreached(error.code, error.message);
    if (codeOf(error) === 'ENOENT') return unreached('content-missing', messageOf(error));
    throw error;
  }
};
