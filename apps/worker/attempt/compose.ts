// The message of an email at its time: rendered, composed and signed.
// The API shows the same to people before it is sent (apps/api/views/preview.ts): what changes the one changes the other.
import type { ContentStore } from '../../../libs/content/store';
import { messageIdOf, subjectOf, type StoredEmail, type StoredRaw } from '../../../libs/mail/email/stored-email';
import type { ResolvedSettings } from '../../../libs/mail/settings/settings';
import type { Renderer } from '../../../libs/render/render';
import type { Clock } from '../../../libs/runtime/clock';
import type { OpenTransport } from '../../../libs/send/smtp/connections';
import { composeMessage, type Message } from '../../../libs/send/message/message';
import { rawMessage } from '../../../libs/send/message/raw-message';
import { originalRecipients, serviceHeaders } from '../../../libs/send/message/service-headers';
import { signMessage } from '../../../libs/send/message/sign';
import { refusalOf } from './refused';
import { endAttempt, type ComposedAttempt, type EndedAttempt, type ResolvedAttempt } from './record/attempt-steps';

export interface ComposeDeps {
  renderer: Renderer;
  content: ContentStore;
  clock: Clock;
}

/** What was written: the message and its subject, and the version of its template. */
interface Written {
  message: Message;
  subject: string;
  version?: number;
}

/** What the message of a queue that redirects its emails says of it. */
const redirected = (email: StoredEmail, { redirectTo }: ResolvedSettings) =>
  redirectTo === undefined ? {} : { first: originalRecipients(email) };

const write = async (deps: ComposeDeps, { lease, settings, inputs }: ResolvedAttempt): Promise<Written> => {
  const { id, email, queue } = lease;
  const { from, data, attachments, content } = inputs;
  const { subject, html, text, version } = await deps.renderer.render(queue.address.tenant, {
    ...email,
    ...(data && { fetched: data }),
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
      ...redirected(email, settings),
      messageId: messageIdOf(id, email),
      date: deps.clock.now(),
    },
    content,
  );
  return { message, subject, ...(version !== undefined && { version }) };
};

/** A message that the client wrote itself. */
const complete = async (
  deps: ComposeDeps,
  { lease, inputs, settings }: ResolvedAttempt,
  raw: StoredRaw,
): Promise<Written> => ({
  message: await rawMessage(
    raw,
    { messageId: messageIdOf(lease.id, lease.email), date: deps.clock.now(), ...redirected(lease.email, settings) },
    inputs.content,
  ),
  subject: subjectOf(lease.email) ?? '',
});

/** A message that is sent again as it was is signed already. */
const sign = async (
  message: Message,
  raw: StoredRaw | undefined,
  { transport, secrets }: OpenTransport,
): Promise<Message> => {
  const { dkim } = transport;
  if (dkim === undefined || secrets.dkimKey === undefined || raw?.gzip === true) return message;
  return signMessage(message, { ...dkim, privateKey: secrets.dkimKey });
};

/**
 * Makes the message. A template that fails, or a content that is not in the store, ends the attempt.
 * @throws what nobody expected
 */
export const compose = async (deps: ComposeDeps, attempt: ResolvedAttempt): Promise<ComposedAttempt | EndedAttempt> => {
  const { lease, inputs, transport } = attempt;
  const { raw } = lease.email;
  try {
    const { message, subject, version } =
      raw === undefined ? await write(deps, attempt) : await complete(deps, attempt, raw);
    return {
      ...attempt,
      message: await sign(message, raw, transport),
      ...(version !== undefined && { templateVersion: version }),
      facts: {
        from: raw?.from ?? inputs.from.address,
        ...(raw?.authors && { authors: raw.authors }),
        subject,
        messageId: messageIdOf(lease.id, lease.email),
      },
    };
  } catch (error) {
    return endAttempt(attempt, refusalOf(error, lease));
  }
};
