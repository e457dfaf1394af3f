// An email before it is corrected: the fields that it was given, and what a correction would make of it.
import {
  draftCorrection,
  inputOf,
  type CorrectDeps,
  type Patch,
} from '../../../../libs/administration/draft-correction';
import { formatAddress, type Address } from '../../../../libs/mail/address/address';
import { Problem } from '../../../../libs/mail/input/problem';
import { codeOf } from '../../../../libs/runtime/fault';
import { CorrectionPreview, EmailAsInput } from '../../answers/content';
import { uncheckedJson } from '../../http/endpoint/body';
import { endpoint } from '../../http/endpoint/endpoint';
import { EMAILS } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';
import { etagOf } from '../../views/email-view';
import { previewOf, previewOfStored, requireShown, type PreviewDeps } from '../../views/preview';
import { Correction, requireVersion, STATE_PROBLEMS, subjectOf, type EmailDeps } from './email-actions';
import { RENDER_PROBLEMS } from './email-content';
import { EMAIL_PROBLEMS } from './emails';

const EMAIL = `${EMAILS}/{id}` as const;

const asText = (value: unknown): unknown =>
  Array.isArray(value) ? value.map((one) => formatAddress(one as Address)) : formatAddress(value as Address);

const ADDRESSES = ['to', 'cc', 'bcc', 'replyTo', 'from'];

const getEmailInput = endpoint({
  method: 'get',
  path: `${EMAIL}/input`,
  id: 'getEmailInput',
  tag: 'Emails',
  summary: 'The fields that it was given',
  description:
    'The email as the input that would make it again, with its corrections: large parts too, and only what was given for it, not what it inherits.',
  may: { action: 'read', over: 'queue' },
  answers: { 200: { description: 'The fields.', schema: EmailAsInput, headers: ['ETag'] } },
  problems: ['content-missing'],
  async handle(deps: EmailDeps & Pick<CorrectDeps, 'content'>, asked) {
    const { record } = await subjectOf(deps, asked);
    const { email } = record;
    const input = await inputOf(deps, email).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      throw new Problem('content-missing', 'a part of this email is not in the content store any more');
    });
    const fields = Object.entries(input).map(([name, value]): [string, unknown] => [
      name,
      ADDRESSES.includes(name) ? asText(value) : value,
    ]);
    const body = { ...Object.fromEntries(fields), ...(email.fixedExpiry && { expiresAt: email.expiresAt }) };
    return { headers: { ETag: etagOf(record) }, body };
  },
});

type PreviewCorrectionDeps = EmailDeps & CorrectDeps & PreviewDeps & Pick<RouteDeps, 'config'>;

const previewCorrection = endpoint({
  method: 'post',
  path: `${EMAIL}/preview`,
  id: 'previewCorrection',
  tag: 'Emails',
  summary: 'What a correction would make of it',
  description: 'Checks a correction as `correctEmail` does, and renders the result. Nothing is changed.',
  may: { action: 'send', over: 'queue' },
  body: uncheckedJson(Correction),
  heeds: ['If-Match'],
  grows: 'never',
  answers: { 200: { description: 'What would change, and what it would say.', schema: CorrectionPreview } },
  problems: [...STATE_PROBLEMS, ...EMAIL_PROBLEMS, ...RENDER_PROBLEMS],
  async handle(deps: PreviewCorrectionDeps, asked) {
    const subject = await subjectOf(deps, asked);
    requireVersion(asked.ifMatch, subject);
    requireShown(subject.record);
    const { address } = subject.queue;
    const { after, input, fields, settings } = await draftCorrection(deps, subject, asked.body as Patch);
    // A message that is new here is read from the input: nothing is stored.
    const known = after.raw !== undefined && typeof input.raw !== 'string' ? after.raw : undefined;
    const preview =
      known === undefined
        ? await previewOf(deps, address, input, settings)
        : await previewOfStored(deps, address, known);
    return { body: { fields, ...preview } };
  },
});

export const EMAIL_DRAFT_ENDPOINTS = [getEmailInput, previewCorrection];
