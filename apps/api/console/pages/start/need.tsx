// A thing that needs somebody, as the start page shows it: what it is, since when, and what can be done.
import type { Child } from 'hono/jsx';
import type { z } from 'zod';
import type { Overview } from '../../../answers/overview';
import { exact, relative, span } from '../../kit/time';
import type { Visit } from '../../page/page';

type PauseNote = NonNullable<z.infer<typeof Overview>['pause']>;

/** Rows of each kind; the rest is on the page of its own. */
export const SHOWN = 5;

/** @param bad somebody must act now */
export const Need = ({
  bad,
  title,
  actions,
  children,
}: {
  bad?: boolean;
  title: Child;
  actions?: Child;
  children?: Child;
}) => (
  <li class={bad ? 'bad' : 'warn'}>
    <div class="need">
      <p>
        <span class="mark" aria-hidden="true">
          {bad ? '●' : '▲'}
        </span>{' '}
        <strong>{title}</strong>
      </p>
      {children}
    </div>
    {actions !== undefined && <div class="actions">{actions}</div>}
  </li>
);

/** Who paused something, and why. */
export const Note = ({ visit, note }: { visit: Visit; note: PauseNote | undefined }) => (
  <p class="hint">
    {note?.reason === undefined ? visit.say('start.noReason') : visit.say('start.reason', { reason: note.reason })}{' '}
    {note !== undefined && (
      <span title={note.at}>
        {visit.say('start.pausedBy', { by: note.by, time: relative(visit, Date.parse(note.at)) })}
      </span>
    )}
  </p>
);

/** For how long it has been so. @param at ISO 8601 */
export const For = ({ visit, at }: { visit: Visit; at: string }) => {
  const since = Date.parse(at);
  return (
    <time datetime={at} title={exact(visit, since)}>
      {visit.say('start.for', { time: span(visit, Math.max(0, visit.now - since)) })}
    </time>
  );
};
