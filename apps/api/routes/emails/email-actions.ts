// What people do to emails: correct, hold, release, cancel, send now, send again, resolve, erase.
import { z } from 'zod';
import { insist } from '../../../../libs/administration/allowed-by-state';
import type { Commands, Subject } from '../../../../libs/administration/commands';
import { type CorrectDeps, type Patch } from '../../../../libs/administration/draft-correction';
import { correct } from '../../../../libs/administration/correct';
import { existingEmail, existingQueue } from '../../../../libs/administration/existing';
import { resend, ResendInput, type ResendDeps } from '../../../../libs/administration/resend';
import { sendNow } from '../../../../libs/administration/send-now';
import { EmailInput } from '../../../../libs/mail/email/email';
import { Problem } from '../../../../libs/mail/input/problem';
import { handOf } from '../../../../libs/mail/settings/api-key';
import { EmailDetails, ResendReceipt } from '../../answers/emails';
import type { IfMatch } from '../../http/if-match';
import { json, nothing, uncheckedJson } from '../../http/endpoint/body';
import { endpoint, type Asked } from '../../http/endpoint/endpoint';
import type { ProblemCode } from '../../http/endpoint/problem-meanings';
import { EMAILS } from '../../http/endpoint/paths';
import type { RouteDeps } from '../../http/route-deps';
import { emailAnswer } from '../../views/email-answer';
import { etagOf } from '../../views/email-view';
import { EMAIL_PROBLEMS, emailPath, replayedHeader } from './emails';

const EMAIL = `${EMAILS}/{id}` as const;

export type EmailDeps = Pick<RouteDeps, 'tenants' | 'queues' | 'redis' | 'clock'>;
type ActDeps = EmailDeps & CorrectDeps & { commands: Commands };
type AskedOfEmail<B = unknown> = Asked<'queue', typeof EMAIL, never, B>;

/** The email of the path, and who acts on it. @throws Problem `not-found` */
export const subjectOf = async (
  deps: EmailDeps,
  { address, params, by, identity }: Pick<AskedOfEmail, 'address' | 'params' | 'by' | 'identity'>,
): Promise<Subject> => {
  const queue = await existingQueue(deps, address);
  return { queue, record: await existingEmail(deps, queue, params.id), by, hand: handOf(identity) };
};

/** Whoever names the version that he has read acts on no other (RFC 9110 13.1.1). @throws Problem `version-mismatch` */
export const requireVersion = (match: IfMatch, { record }: Subject): void => {
  if (Array.isArray(match) && !match.some((tag) => `"${tag}"` === etagOf(record))) insist('changed', record);
};

/** Who lost a race against another change of the same email tries again this often before he is told. */
const TRIES = 5;

/** Acts, and answers with the email as it is then. */
const act = async (deps: ActDeps, asked: AskedOfEmail, work: (subject: Subject) => Promise<void>) => {
  for (let tries = 1; ; tries++) {
    const subject = await subjectOf(deps, asked);
    requireVersion(asked.ifMatch, subject);
    try {
      await work(subject);
      return await emailAnswer(deps, subject.queue, await existingEmail(deps, subject.queue, subject.record.id));
    } catch (error) {
      const lost = error instanceof Problem && error.code === 'version-mismatch' && asked.ifMatch === undefined;
      if (!lost || tries === TRIES) throw error;
    }
  }
};

const MAY_SEND = { action: 'send', over: 'queue' } as const;
const AFTER = { 200: { description: 'The email as it is now.', schema: EmailDetails, headers: ['ETag'] } } as const;
/** Its state does not allow it. */
export const STATE_PROBLEMS = [
  'email-state',
  'email-sending',
  'email-finished',
  'version-mismatch',
  'confidential',
  'content-wiped',
] as const;

/** Its fields are those of an email, or null; checked once they are merged. */
export const Correction = z
  .strictObject(
    Object.fromEntries(
      Object.entries(EmailInput.shape).map(([name, field]) => [name, (field as z.ZodType).nullable()]),
    ),
  )
  .meta({
    id: 'Correction',
    description: 'Fields that replace those of the email; null takes one away.',
    examples: [{ to: ['Ann <ann@example.org>'], sendAt: null }],
  });

const correctEmail = endpoint({
  method: 'patch',
  path: EMAIL,
  id: 'correctEmail',
  tag: 'Emails',
  summary: 'Correct an email that is not sent',
  description:
    'Fields that are given replace those of the email, null takes one away; the result must be as valid as a new email. Until it is sent, also when it failed.',
  may: MAY_SEND,
  body: uncheckedJson(Correction),
  heeds: ['If-Match'],
  grows: 'sometimes',
  answers: AFTER,
  problems: [...STATE_PROBLEMS, ...EMAIL_PROBLEMS],
  handle: (deps: ActDeps, asked) =>
    act(deps, asked, (subject) => correct(deps, deps.commands, subject, asked.body as Patch)),
});

/** An action that needs no more than the email. */
const action = (
  name: 'hold' | 'release' | 'cancel' | 'send-now',
  about: { id: string; summary: string; description: string; problems?: readonly ProblemCode[] },
  work: (deps: ActDeps, subject: Subject) => Promise<void>,
) =>
  endpoint({
    method: 'post',
    path: `${EMAIL}/${name}`,
    tag: 'Emails',
    may: MAY_SEND,
    body: nothing(),
    heeds: ['If-Match'],
    grows: 'never',
    answers: AFTER,
    ...about,
    problems: [...STATE_PROBLEMS, ...(about.problems ?? [])],
    handle: (deps: ActDeps, asked) => act(deps, asked, (subject) => work(deps, subject)),
  });

const hold = action(
  'hold',
  {
    id: 'holdEmail',
    summary: 'Stop it until it is released',
    description: 'The email is put aside: nothing is sent, nothing expires, until somebody releases it.',
  },
  ({ commands }, subject) => commands.hold(subject),
);

const release = action(
  'release',
  {
    id: 'releaseEmail',
    summary: 'Let it go',
    description:
      'A held, failed, expired or uncertain email is sent at its time; attempts and expiry start anew. Where it needs an approval, this gives it.',
    problems: ['approval-needed'],
  },
  ({ commands }, subject) => commands.release(subject),
);

const cancel = action(
  'cancel',
  { id: 'cancelEmail', summary: 'End it for good', description: 'It is never sent, and stays in the error log.' },
  ({ commands }, subject) => commands.cancel(subject),
);

const sendEmailNow = action(
  'send-now',
  {
    id: 'sendEmailNow',
    summary: 'Forget sendAt, send at once',
    description:
      'What waits for its time or for its next attempt is due now; what stands in the error log is released.',
    problems: ['approval-needed', ...EMAIL_PROBLEMS],
  },
  (deps, subject) => sendNow(deps, deps.commands, subject),
);

const resendEmail = endpoint({
  method: 'post',
  path: `${EMAIL}/resend`,
  id: 'resendEmail',
  tag: 'Emails',
  summary: 'Send it again from the history',
  description:
    'Makes a new email of one that was sent: anew from its template and the settings of now (`render`), or byte for byte from the archive (`as-sent`). Both emails name each other.',
  may: MAY_SEND,
  body: json(ResendInput),
  heeds: ['Idempotency-Key', 'If-Match'],
  grows: 'sometimes',
  answers: {
    202: {
      description: 'The new email is accepted.',
      schema: ResendReceipt,
      headers: ['Location', 'Idempotency-Replayed'],
    },
  },
  problems: ['email-state', 'content-wiped', 'not-archived', ...EMAIL_PROBLEMS],
  async handle(deps: EmailDeps & ResendDeps & { commands: Commands }, asked) {
    const subject = await subjectOf(deps, asked);
    requireVersion(asked.ifMatch, subject);
    const { receipt, replayed } = await resend(deps, deps.commands, subject, asked.body, asked.idempotencyKey);
    return {
      status: 202,
      headers: { Location: emailPath(asked.address, receipt.id), ...replayedHeader(replayed) },
      body: { ...receipt, resentFrom: subject.record.id },
    };
  },
});

const Resolution = z
  .strictObject({ as: z.enum(['sent', 'resend', 'failed']) })
  .meta({ id: 'Resolution', examples: [{ as: 'sent' }] });

const resolveEmail = endpoint({
  method: 'post',
  path: `${EMAIL}/resolve`,
  id: 'resolveEmail',
  tag: 'Emails',
  summary: 'Say what became of an uncertain email',
  description: 'For an email whose hand-over broke off: it was sent, it is to be sent again, or it has failed.',
  may: { action: 'administer', over: 'queue' },
  body: json(Resolution),
  heeds: ['If-Match'],
  grows: 'never',
  answers: AFTER,
  problems: ['approval-needed', ...STATE_PROBLEMS],
  handle: (deps: ActDeps, asked) => act(deps, asked, (subject) => deps.commands.resolve(subject, asked.body.as)),
});

const eraseEmail = endpoint({
  method: 'delete',
  path: EMAIL,
  id: 'eraseEmail',
  tag: 'Emails',
  summary: 'Erase every trace, unless it is being sent',
  description: 'The email, its content, its history and its archived message are gone. The audit says who erased it.',
  may: MAY_SEND,
  heeds: ['If-Match'],
  answers: { 204: { description: 'It is gone.' } },
  problems: STATE_PROBLEMS,
  async handle(deps: EmailDeps & { commands: Commands }, asked) {
    const subject = await subjectOf(deps, asked);
    requireVersion(asked.ifMatch, subject);
    await deps.commands.erase(subject);
    return { status: 204 };
  },
});

export const EMAIL_ACTION_ENDPOINTS = [
  correctEmail,
  eraseEmail,
  hold,
  release,
  cancel,
  sendEmailNow,
  resendEmail,
  resolveEmail,
];
