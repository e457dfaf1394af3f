// What an email says, before and after it is sent, and why it is not sent yet.
import { z } from 'zod';
import { explain, type ExplainDeps } from '../../../../libs/administration/explain/explain';
import { prepareParts } from '../../../../libs/intake/large-parts';
import { EmailInput } from '../../../../libs/mail/email/email';
import { ContentComparison, EmailContent, EmailPreview, Explanation } from '../../answers/content';
import { requireRole } from '../../http/auth';
import { json } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { EMAILS } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';
import {
  contentAsSent,
  contentOf,
  contentOfNow,
  messageFile,
  previewOf,
  previewOfRaw,
  type PreviewDeps,
} from '../../views/preview';
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
] as const;

type RenderDeps = PreviewDeps & Pick<RouteDeps, 'accept' | 'refs' | 'config'>;

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
        ? await previewOf(deps, address, input, settings)
        : await previewOfRaw(deps, address, input.raw);
    return { body };
  },
});

/** Mail ends its lines with CRLF, and may end with one. */
const texts = (name: string, { subject, html, text }: z.infer<typeof EmailContent>) => {
  const plain = (part: string): string => part.replace(/\r\n/g, '\n').trimEnd();
  const parts = {
    subject,
    ...(html !== undefined && { html: plain(html) }),
    ...(text !== undefined && { text: plain(text) }),
  };
  return { name, parts };
};

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
  description:
    'As it was sent, where that is archived; else as it would be rendered now. `rendered` asks for one of the two.',
  may: MAY_READ,
  query: z.strictObject({
    rendered: z
      .enum(['sent', 'now'])
      .optional()
      .meta({ description: '`sent`: as it was sent, else a problem; `now`: as it would be made now.' }),
  }),
  answers: { 200: { description: 'What it says.', schema: EmailContent } },
  problems: ['confidential', 'content-wiped', 'not-archived', ...RENDER_PROBLEMS],
  async handle(deps: EmailDeps & PreviewDeps, asked) {
    const { queue, record } = await subjectOf(deps, asked);
    const { rendered } = asked.query;
    const read = rendered === undefined ? contentOf : rendered === 'sent' ? contentAsSent : contentOfNow;
    return { body: await read(deps, queue.address, record) };
  },
});

const compareEmailContent = endpoint({
  method: 'get',
  path: `${EMAIL}/content/compare`,
  id: 'compareEmailContent',
  tag: 'Emails',
  summary: 'What would be different if it was made now',
  description: 'A diff of subject, html and text: from the message as it was sent to what would be rendered now.',
  may: MAY_READ,
  answers: { 200: { description: 'The differences; none where both are the same.', schema: ContentComparison } },
  problems: ['confidential', 'content-wiped', 'not-archived', ...RENDER_PROBLEMS],
  async handle(deps: EmailDeps & PreviewDeps, asked) {
    const { queue, record } = await subjectOf(deps, asked);
    const sent = await contentAsSent(deps, queue.address, record);
    const now = await contentOfNow(deps, queue.address, record);
    const diffs = await deps.templating.compareTexts(queue.address.tenant, texts('as sent', sent), texts('now', now));
    return { body: { diffs } };
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
  problems: ['confidential', 'content-wiped', 'not-archived', 'content-missing'],
  async handle(deps: EmailDeps & PreviewDeps, asked) {
    const { record } = await subjectOf(deps, asked);
    return messageFile(deps, record);
  },
});

export const EMAIL_CONTENT_ENDPOINTS = [
  renderEmail,
  explainEmail,
  getEmailContent,
  compareEmailContent,
  getEmailMessage,
];
