// Where an email stands and why, in one sentence and the reasons below it.
import type { z } from 'zod';
import { FAILURE_CODES } from '../../../../../libs/mail/email/failure';
import { failedState, type ASIDE_STATES } from '../../../../../libs/mail/email/state';
import type { Explanation } from '../../../answers/content';
import { exact, relative, Time } from '../../kit/time';
import { StateBadge } from '../../kit/parts';
import type { Visit } from '../../page/page';
import { isWordKey } from '../../words/all-words';
import { mayApprove, needsApproval, recipientsOf, type Details } from './loaded-email';

type Reasons = z.infer<typeof Explanation>['reasons'];
type FailedCode = Exclude<(typeof FAILURE_CODES)[number], (typeof ASIDE_STATES)[number] | 'approval-needed'>;

const isFailed = (code: string): code is FailedCode =>
  FAILURE_CODES.some((one) => one === code && failedState(one) === 'failed');

/** When, in both ways in which the sentences name it. */
const times = (visit: Visit, iso: string): { when: string; at: string } => {
  const ms = Date.parse(iso);
  return { when: relative(visit, ms), at: exact(visit, ms) };
};

/** Who did it last, and when. */
const whoDid = (visit: Visit, { changes }: Details, what: string) => {
  const last = changes.filter((change) => change.what === what).at(-1);
  return last === undefined ? undefined : { by: last.by, ...times(visit, last.at) };
};

/** One sentence: where it stands, and why. */
export const sentenceOf = (visit: Visit, email: Details): string => {
  const { say } = visit;
  switch (email.state) {
    case 'scheduled':
      return say('email.is.scheduled', times(visit, email.nextAttemptAt ?? email.sendAt));
    case 'deferred': {
      const n = email.attempts.filter(({ outcome }) => outcome === 'deferred').length;
      return say('email.is.deferred', { n, ...times(visit, email.nextAttemptAt ?? email.sendAt) });
    }
    case 'held': {
      if (needsApproval(email)) return say('email.is.approval');
      const by = email.reason?.text.startsWith('by ') ? whoDid(visit, email, 'held') : undefined;
      return by === undefined ? say('email.is.held') : say('email.is.heldBy', by);
    }
    case 'canceled': {
      const by = whoDid(visit, email, 'canceled');
      return by === undefined ? say('email.is.canceled') : say('email.is.canceledBy', by);
    }
    case 'sent': {
      const n = recipientsOf(email).length - (email.recipients?.refused.length ?? 0);
      return say('email.is.sent', { n, ...times(visit, email.finishedAt ?? email.sendAt) });
    }
    case 'expired':
      return say('email.is.expired', times(visit, email.expiresAt));
    case 'failed': {
      const code = email.reason?.code ?? '';
      return say(isFailed(code) ? `email.failed.${code}` : 'email.failed.refused');
    }
    default:
      return say(`email.is.${email.state}`);
  }
};

const reasonWord = ({ say }: Visit, code: string): string => {
  const key = `reason.${code}`;
  return say(isWordKey(key) ? key : 'reason.said');
};

/** The API's reasons: what they are called in the reader's language, and the words of servers and people as they were said. */
const ReasonList = ({ visit, email, reasons }: { visit: Visit; email: Details; reasons: Reasons }) => {
  const told = reasons.filter(({ code }) => !['sending', 'not-due'].includes(code));
  if (told.length === 0 || email.state === 'canceled') return null;
  return (
    <ul class="reasons">
      {told.map(({ code, text, until }) => (
        <li>
          <b>{reasonWord(visit, code)}:</b> <q lang="en">{text}</q>
          {until !== undefined && code !== 'deferred' && (
            <span class="hint">
              {' '}
              <Time visit={visit} at={until} />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
};

/** Red only where somebody must act. */
const KIND: Partial<Record<Details['state'], string>> = {
  failed: 'bad',
  uncertain: 'bad',
  expired: 'warn',
  held: 'warn',
  deferred: 'warn',
  sent: 'good',
};

export const Standing = ({ visit, email, reasons }: { visit: Visit; email: Details; reasons: Reasons }) => (
  <div class={`standing ${KIND[email.state] ?? ''}`}>
    <p class="lead">
      <StateBadge visit={visit} state={email.state} />
      {' – '}
      {sentenceOf(visit, email)}
    </p>
    <ReasonList visit={visit} email={email} reasons={reasons} />
    {needsApproval(email) && <p>{visit.say(mayApprove(visit, email) ? 'approve.look' : 'approve.notYou')}</p>}
  </div>
);
