// The states drawn as a way: where the email was, where it is, and where it did not come.
import type { State } from '../../../../../libs/mail/email/state';
import type { Visit } from '../../page/page';
import { SHAPES } from '../../kit/parts';
import type { Details } from './loaded-email';

const MAIN: readonly State[] = ['scheduled', 'queued', 'sending', 'sent'];
const ASIDE: readonly State[] = ['deferred', 'held', 'uncertain', 'failed', 'expired', 'canceled'];

const BY_OUTCOME: Partial<Record<Details['attempts'][number]['outcome'], State>> = {
  sent: 'sent',
  refused: 'failed',
  deferred: 'deferred',
  uncertain: 'uncertain',
  expired: 'expired',
};
const BY_CHANGE: Record<string, State> = {
  held: 'held',
  canceled: 'canceled',
  expired: 'expired',
  'resolved as sent': 'sent',
  'resolved as failed': 'failed',
};

/** The states that it has been in, and how often where that is known. */
export const statesOf = (email: Details): Map<State, number> => {
  const seen: State[] = [];
  if (email.state === 'scheduled' || Date.parse(email.sendAt) > Date.parse(email.acceptedAt)) seen.push('scheduled');
  for (const { outcome } of email.attempts) {
    seen.push('sending');
    const state = BY_OUTCOME[outcome];
    if (state !== undefined) seen.push(state);
  }
  for (const { what } of email.changes) {
    const state = BY_CHANGE[what];
    if (state !== undefined) seen.push(state);
  }
  const counts = new Map<State, number>();
  for (const state of seen) counts.set(state, (counts.get(state) ?? 0) + 1);
  if (counts.has('sending') || email.state === 'queued' || email.state === 'sending') counts.set('queued', 1);
  if (!counts.has(email.state)) counts.set(email.state, 1);
  return counts;
};

interface StepProps {
  visit: Visit;
  state: State;
  times: number;
  isHere: boolean;
}

const WayStep = ({ visit, state, times, isHere }: StepProps) => (
  <li
    class={`step ${isHere ? `here state-${state}` : times > 0 ? 'was' : ''}`}
    {...(isHere && { 'aria-current': 'step' as const })}
  >
    <span aria-hidden="true">{SHAPES[state]}</span> {visit.say(`state.${state}`)}
    {times > 1 && ` ×${times}`}
    <span class="unseen"> ({visit.say(isHere ? 'way.now' : times > 0 ? 'way.was' : 'way.not')})</span>
  </li>
);

export const Way = ({ visit, email }: { visit: Visit; email: Details }) => {
  const counts = statesOf(email);
  const steps = (states: readonly State[]) =>
    states.map((state) => (
      <WayStep visit={visit} state={state} times={counts.get(state) ?? 0} isHere={state === email.state} />
    ));
  return (
    <section class="way" aria-label={visit.say('way.title')}>
      <ol class="way-main" aria-label={visit.say('way.main')}>
        <li class="step was">
          {visit.say('way.accepted')}
          <span class="unseen"> ({visit.say('way.was')})</span>
        </li>
        {steps(MAIN)}
      </ol>
      <ul class="way-aside" aria-label={visit.say('way.aside')}>
        {steps(ASIDE)}
      </ul>
    </section>
  );
};
