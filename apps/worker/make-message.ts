// The message of an email at its time: gathered, rendered and composed, or the reason why it cannot be made.
import type { Outcome } from '../../libs/mail/outcome';
import type { ResolvedSettings } from '../../libs/mail/settings';
import { messageIdOf } from '../../libs/mail/stored-email';
import type { Lease } from '../../libs/queue/email-worker';
import { RenderFailure } from '../../libs/render/failure';
import type { Renderer } from '../../libs/render/render';
import type { Clock } from '../../libs/runtime/clock';
import { codeOf, messageOf } from '../../libs/runtime/fault';
import { composeMessage, envelopeAddress, type Message } from '../../libs/send/message';
import type { Gather } from './gather';

const unreached = (
  code: 'template-failed' | 'from-missing' | 'message-invalid' | 'content-missing',
  text: string,
): Outcome => ({
  kind: 'refused',
  code,
  text,
  replies: [],
});

export interface Made {
  message: Message;
  from: string;
  /** To be called when the message is not read any more. */
  discard: () => Promise<void>;
}

/** Gathers, renders and composes; an outcome where the email cannot be made. */
export const makeMessage = async (
  deps: { renderer: Renderer; gather: Gather; clock: Clock },
  lease: Lease,
  settings: ResolvedSettings,
): Promise<Made | Outcome> => {
  const from = lease.email.from ?? settings.from;
  if (from === undefined)
    return unreached('from-missing', 'no sender: give the email a from, or its queue or tenant a default');
  let discard: Made['discard'] | undefined;
  try {
    const { tenant } = lease.queue.address;
    const gathered = await deps.gather(lease, settings);
    if ('kind' in gathered) return gathered;
    const { fetched, attachments, content } = gathered;
    discard = gathered.discard;
    const { subject, html, text } = await deps.renderer.render(tenant, { ...lease.email, ...(fetched && { fetched }) });
    const message = await composeMessage(
      {
        email: lease.email,
        attachments,
        from,
        replyTo: settings.replyTo,
        subject,
        text,
        ...(html !== undefined && { html }),
        messageId: messageIdOf(lease.id, lease.email),
        date: deps.clock.now(),
      },
      content,
    );
    return { message, from: envelopeAddress(from), discard };
  } catch (error) {
    await discard?.();
    if (error instanceof RenderFailure) return { kind: 'refused', code: error.code, text: error.message, replies: [] };
    if (codeOf(error) === 'ENOENT') return unreached('content-missing', messageOf(error));
    if (lease.signal.aborted) return { kind: 'interrupted', text: String(lease.signal.reason) };
    throw error;
  }
};
