// Small parts of pages: a state, a number, an id to copy, an empty list, where a list goes on.
import type { Child } from 'hono/jsx';
import type { State } from '../../../../libs/mail/email/state';
import type { Visit } from '../page/page';

/** A shape for each state beside its colour and word: nobody has to tell colours apart. */
export const SHAPES: Record<State, string> = {
  scheduled: '◷',
  queued: '◌',
  sending: '▸',
  deferred: '↻',
  held: '‖',
  uncertain: '?',
  sent: '●',
  failed: '▲',
  expired: '◇',
  canceled: '✕',
};

export const StateBadge = ({ visit, state }: { visit: Visit; state: State }) => (
  <span class={`state state-${state}`}>
    <span aria-hidden="true">{SHAPES[state]}</span> {visit.say(`state.${state}`)}
  </span>
);

/** A number as the reader's language writes it. */
export const count = ({ language }: Pick<Visit, 'language'>, number: number): string =>
  new Intl.NumberFormat(language).format(number);

/** A text that is copied by its button; without JavaScript it is there to be selected. */
export const Copyable = ({ visit, text }: { visit: Visit; text: string }) => (
  <span class="copyable">
    <code>{text}</code>
    <button type="button" class="copy" data-copy={text} data-done={visit.say('copy.done')} hidden>
      {visit.say('copy.copy')}
    </button>
  </span>
);

/** Says what would be here, and how to get it. */
export const Empty = ({ children }: { children: Child }) => <p class="empty">{children}</p>;

/** The address of this page with some of its query changed. @param change undefined takes a name away */
export const urlWith = (visit: Pick<Visit, 'path' | 'query'>, change: Record<string, string | undefined>): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...visit.query, ...change })) if (value) query.set(name, value);
  query.delete('notice');
  const text = query.toString();
  return text === '' ? visit.path : `${visit.path}?${text}`;
};

/** Where a list goes on. @param next the cursor of the API's answer */
export const Pager = ({ visit, next }: { visit: Visit; next: string | undefined | null }) => (
  <nav class="pager">
    {visit.query['cursor'] !== undefined && (
      <a href={urlWith(visit, { cursor: undefined })} class="button">
        {visit.say('list.first')}
      </a>
    )}
    {next && (
      <a href={urlWith(visit, { cursor: next })} class="button" rel="next">
        {visit.say('list.older')}
      </a>
    )}
  </nav>
);

/**
 * A part of a page that is shown anew when something has happened. Nobody types in it: what was typed would be lost.
 * @param id its own on the page
 */
export const Live = ({ visit, id, children }: { visit: Visit; id: string; children: Child }) => (
  <div
    id={id}
    class="live"
    hx-get={visit.url}
    hx-trigger="rohrpost:live from:body"
    hx-select={`#${id}`}
    hx-target="this"
    hx-swap="outerHTML"
  >
    {children}
  </div>
);
