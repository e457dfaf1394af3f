// The message of an email at its time: rendered and composed, or the reason why it cannot be made.
import type { ContentStore } from '../../libs/content/store';
import type { Outcome } from '../../libs/mail/outcome';
import type { ResolvedSettings } from '../../libs/mail/settings';
import { messageIdOf } from '../../libs/mail/stored-email';
import type { Lease } from '../../libs/queue/email-worker';
import { RenderFailure } from '../../libs/render/failure';
import type { Renderer } from '../../libs/render/render';
import type { Clock } from '../../libs/runtime/clock';
import { codeOf, messageOf } from '../../libs/runtime/fault';
import { composeMessage, envelopeAddress, type Message } from '../../libs/send/message';

const unreached = (
  code: 'template-failed' | 'from-missing' | 'message-invalid' | 'content-missing',
  text: string,
): Outcome => ({
  kind: 'refused',
  code,
  text,
  replies: [],
});

/** Renders and composes; an outcome where the email cannot be made. */
export const makeMessage = async (
  deps: { renderer: Renderer; content: ContentStore; clock: Clock },
  lease: Lease,
  settings: ResolvedSettings,
): Promise<{ message: Message; from: string; version?: number } | Outcome> => {
  const from = lease.email.from ?? settings.from;
  if (from === undefined)
    return unreached('from-missing', 'no sender: give the email a from, or its queue or tenant a default');
  try {
    const { tenant } = lease.queue.address;
    const { subject, html, text, version } = await deps.renderer.render(tenant, lease.email);
    const message = await composeMessage(
      {
        email: lease.email,
        from,
        replyTo: settings.replyTo,
        subject,
        text,
        ...(html !== undefined && { html }),
        messageId: messageIdOf(lease.id, lease.email),
        date: deps.clock.now(),
      },
      deps.content,
    );
    return { message, from: envelopeAddress(from), ...(version !== undefined && { version }) };
  } catch (error) {
    if (error instanceof RenderFailure) return { kind: 'refused', code: error.code, text: error.message, replies: [] };
    if (codeOf(error) === 'ENOENT') return unreached('content-missing', messageOf(error));
    throw error;
  }
};
