// What can be done to an email now: the main step first, none that its state or the reader's role does not allow.
import type { FailureCode } from '../../../../../libs/mail/email/failure';
import type { State } from '../../../../../libs/mail/email/state';
import { ActionButton } from '../../kit/form';
import type { Visit } from '../../page/page';
import type { WordKey } from '../../words/all-words';
import { isAllowed, mayApprove, needsApproval, pathOf, type Details } from './loaded-email';

/** `to`: a page where it is asked for; otherwise a button that does it. */
interface Step {
  name: string;
  word: WordKey;
  to?: string;
  danger?: true;
}

/** Failures that go away without a correction of the email. */
const MENDED_ELSEWHERE: readonly (FailureCode | undefined)[] = ['attempts-exhausted', 'content-missing', 'data-gone'];

const MAIN: Partial<Record<State, string>> = {
  scheduled: 'send-now',
  deferred: 'send-now',
  held: 'release',
  expired: 'release',
  uncertain: 'resolve-sent',
  sent: 'resend',
};

/** The name of the step that most probably helps. */
const mainStep = ({ state, reason }: Details): string | undefined => {
  if (state !== 'failed') return MAIN[state];
  return MENDED_ELSEWHERE.some((code) => code === reason?.code) ? 'release' : 'correct';
};

const resolving = (visit: Visit, email: Details): Step[] =>
  isAllowed(visit, email, 'resolve')
    ? [
        { name: 'resolve-sent', word: 'do.resolve.sent' },
        { name: 'resolve-resend', word: 'do.resolve.resend' },
        { name: 'resolve-failed', word: 'do.resolve.failed' },
      ]
    : [];

const stepsOf = (visit: Visit, email: Details): Step[] => {
  const path = pathOf(email);
  const can = (action: Parameters<typeof isAllowed>[2]): boolean => isAllowed(visit, email, action);
  const resolve = resolving(visit, email);
  // Whoever releases what is due sends it now.
  const isLater = Date.parse(email.sendAt) > visit.now || !can('release');
  const waits = needsApproval(email);
  const isFree = !waits || mayApprove(visit, email);
  const all: (Step | false)[] = [
    can('correct') && email.state !== 'canceled' && { name: 'correct', word: 'do.correct', to: `${path}/correct` },
    can('release') &&
      resolve.length === 0 &&
      isFree && { name: 'release', word: waits ? ('do.approve' as const) : ('do.release' as const) },
    can('send-now') && resolve.length === 0 && isLater && !waits && { name: 'send-now', word: 'do.sendNow' },
    can('resend') && { name: 'resend', word: 'do.resend', to: `${path}/resend` },
    can('hold') && { name: 'hold', word: 'do.hold' },
    can('cancel') &&
      email.state !== 'canceled' && { name: 'cancel', word: 'do.cancel', to: `${path}/cancel`, danger: true },
    can('delete') && { name: 'erase', word: 'do.erase', to: `${path}/erase`, danger: true },
  ];
  return [...resolve, ...all.filter((step) => step !== false)];
};

/** @param etag what is acted on is what the reader has seen */
export const Steps = ({ visit, email, etag }: { visit: Visit; email: Details; etag: string }) => {
  const main = mainStep(email);
  const steps = stepsOf(visit, email);
  const sorted = [...steps.filter(({ name }) => name === main), ...steps.filter(({ name }) => name !== main)];
  if (sorted.length === 0) return null;
  return (
    <div class="actions" role="group" aria-label={visit.say('do.title')}>
      {sorted.map(({ name, word, to, danger }) => {
        const kind = name === main ? 'primary' : danger ? 'danger' : undefined;
        return to === undefined ? (
          <ActionButton
            action={pathOf(email)}
            does={name}
            text={visit.say(word)}
            {...(kind !== undefined && { kind })}
            fields={{ etag }}
          />
        ) : (
          <a class={`button ${kind ?? ''}`} href={to}>
            {visit.say(word)}
          </a>
        );
      })}
    </div>
  );
};
