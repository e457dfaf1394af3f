// What is shown where a page cannot be: what happened, why, and what to do.
import type { Problem } from '../../../../libs/mail/input/problem';
import { statusOf } from '../../../../libs/mail/input/problem-document';
import type { Say, WordKey } from '../words/all-words';

const TITLES: Partial<Record<number, WordKey>> = {
  403: 'error.forbidden',
  404: 'error.notFound',
  503: 'error.away',
};

export const errorTitle = (problem: Problem, say: Say): string => say(TITLES[statusOf(problem)] ?? 'error.title');

export const ErrorText = ({ problem, say, requestId }: { problem: Problem; say: Say; requestId: string }) => {
  const status = statusOf(problem);
  return (
    <section class="card">
      <h1>{errorTitle(problem, say)}</h1>
      <p>{status === 404 ? say('error.notFoundText') : problem.message}</p>
      {status === 503 && <p>{say('error.awayText')}</p>}
      <p class="hint">{say('error.requestId', { id: requestId })}</p>
    </section>
  );
};
