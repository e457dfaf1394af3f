// What an email says, before and after it is sent, and why it is not sent yet.
import { explain, type ExplainDeps } from '../../../../libs/administration/explain/explain';
import { prepareParts } from '../../../../libs/intake/large-parts';
import { withData } from '../../../../libs/intake/preview-data';
import { formatAddress } from '../../../../libs/mail/address/address';
import type { QueueAddress } from '../../../../libs/mail/address/queue-address';
import { EmailInput } from '../../../../libs/mail/email/email';
import { toStoredEmail } from '../../../../libs/mail/email/stored-email';
import type { ResolvedSettings } from '../../../../libs/mail/settings/settings';
import { EmailContent, EmailPreview, Explanation } from '../../answers/content';
import { requireRole } from '../../http/auth';
import { json } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { EMAILS } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';
import { contentOf, messageFile, previewOfRaw, rendered, type PreviewDeps } from '../../views/preview';
import { subjectOf, type EmailDeps } from './email-actions';
import { EMAIL_PROBLEMS } from './emails';

const EMAIL = `${EMAILS}/{id}` as const;
const MAY_READ = { action: 'read', over: 'queue' } as const;

/** Why something could not be rendered now. */
export const RENDER_PROBLEMS = [
  'key-missing',
  'template-unknown',
  'template-failed',
  'data-invalid',
  'data-gone',
  'data-unavailable',
  'source-not-allowed',
  'message-invalid',
  'content-missing',
];

/** Headers, boundaries and line breaks that come on top of the parts, roughly. Bytes. */
const FRAME_SIZE = 1_024;

type RenderDeps = PreviewDeps & Pick<RouteDeps, 'accept' | 'refs' | 'config'>;

/** What an email without a complete message would say. */
const preview = async (deps: RenderDeps, address: QueueAddress, input: EmailInput, settings: ResolvedSettings) => {
  const email = toStoredEmail(input, { domain: deps.config.name, expiresAt: deps.clock.now(), attachments: [] });
  const { subject, html, text, version } = await rendered(deps, address, await withData(deps, address, email));
  const headers = {
    ...(settings.from && { From: formatAddress(settings.from) }),
    To: email.to.map(formatAddress).join(', '),
    ...(email.cc && { Cc: email.cc.map(formatAddress).join(', ') }),
    ...(settings.replyTo.length > 0 && { 'Reply-To': settings.replyTo.map(formatAddress).join(', ') }),
    Subject: subject,
    ...email.headers,
  };
  const attached = (input.attachments ?? []).reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
  const size = Buffer.byteLength(html ?? '') + Buffer.byteLength(text) + attached + FRAME_SIZE;
  const templateVersion = version === undefined ? {} : { templateVersion: version };
  return { subject, ...(html !== undefined && { html }), text, headers, size, ...templateVersion };
};

const renderEmail = endpoint({
  method: 'post',
  path: `${EMAILS}/render`,
  id: 'renderEmail',
  tag: 'Emails',
  summary: 'What would be sent, without sending',
  description:
    'Takes an email as `acceptEmail` does, checks and renders it, and keeps nothing. One with `dataUrl` needs the role `sender`.',
  may: MAY_READ,
  body: json(EmailInput),
  grows: 'never',
  answers: { 200: { description: 'What would be sent now.', schema: EmailPreview } },
  problems: ['forbidden', ...EMAIL_PROBLEMS, ...RENDER_PROBLEMS],
  async handle(deps: RenderDeps, { address, identity, body: input }) {
    // Whoever only reads emails must not read what lies beside them at the sources.
    if (input.dataUrl !== undefined) requireRole(identity, 'send');
    deps.tenants.requireRetries(input);
    const settings = await deps.tenants.settings(address, input);
    const parts = await prepareParts(deps, address, input, []);
    await deps.accept.checkReferences(address, input, settings, [], parts.raw);
    const body =
      input.raw === undefined
        ? await preview(deps, address, input, settings)
        : await previewOfRaw(deps, address, input.raw);
    return { body };
  },
});

const explainEmail = endpoint({
  method: 'get',
  path: `${EMAIL}/explain`,
  id: 'explainEmail',
  tag: 'Emails',
  summary: 'Why it has not been sent',
  description:
    'Everything that stands in the way of an email: workers, pauses, limits, its transport, the email itself.',
  may: MAY_READ,
  answers: { 200: { description: 'The reasons, none where nothing stands in the way.', schema: Explanation } },
  async handle(deps: EmailDeps & ExplainDeps, asked) {
    const { queue, record } = await subjectOf(deps, asked);
    return { body: await explain(deps, queue, record) };
  },
});

const getEmailContent = endpoint({
  method: 'get',
  path: `${EMAIL}/content`,
  id: 'getEmailContent',
  tag: 'Emails',
  summary: 'Subject, html and text of an email',
  description: 'As it was sent, where that is archived; else as it would be rendered now.',
  may: MAY_READ,
  answers: { 200: { description: 'What it says.', schema: EmailContent } },
  problems: RENDER_PROBLEMS,
  async handle(deps: EmailDeps & PreviewDeps, asked) {
    const { queue, record } = await subjectOf(deps, asked);
    return { body: await contentOf(deps, queue.address, record) };
  },
});

const getEmailMessage = endpoint({
  method: 'get',
  path: `${EMAIL}/message`,
  id: 'getEmailMessage',
  tag: 'Emails',
  summary: 'The archived message as it was sent',
  description: 'The message byte for byte as it was handed over, where the setting `archive` keeps it.',
  may: MAY_READ,
  answers: {
    200: { description: 'The message (RFC 5322).', type: 'message/rfc822', headers: ['Content-Disposition'] },
  },
  problems: ['not-archived', 'content-missing'],
  async handle(deps: EmailDeps & PreviewDeps, asked) {
    const { record } = await subjectOf(deps, asked);
    return messageFile(deps, record);
  },
});

export const EMAIL_CONTENT_ENDPOINTS = [renderEmail, explainEmail, getEmailContent, getEmailMessage];
