// The box in which emails are looked for: what was typed, its words as chips, and what of it was not understood.
import type { Visit } from '../../page/page';
import { KNOWN, type Query } from '../../query/read-query';

interface Props {
  visit: Visit;
  query: Query;
  text: string;
  label: string;
  submit: string;
}

const toQuery = ({ path }: Visit, text: string): string =>
  text === '' ? path : `${path}?q=${encodeURIComponent(text)}`;

const Chips = ({ visit, query }: Pick<Props, 'visit' | 'query'>) =>
  query.chips.length === 0 ? null : (
    <ul class="chips">
      {query.chips.map(({ name, value, without }) => {
        const word = `${name}: ${value}`;
        return (
          <li>
            <a class="chip" href={toQuery(visit, without)} aria-label={visit.say('query.remove', { word })}>
              {word} <span aria-hidden="true">✕</span>
            </a>
          </li>
        );
      })}
    </ul>
  );

/** @param id of the input: the frame has one of its own */
export const QueryBox = ({ visit, query, text, label, submit }: Props) => {
  const { say } = visit;
  return (
    <>
      <form action={visit.path} class="query" role="search" aria-label={label}>
        <label for="query" class="unseen">
          {label}
        </label>
        <input
          id="query"
          name="q"
          type="search"
          value={text}
          placeholder={say('search.hint')}
          maxlength={500}
          autocapitalize="none"
          spellcheck={false}
          {...(query.faults.length > 0 && { 'aria-invalid': 'true', 'aria-describedby': 'query-fault' })}
        />
        <button type="submit">{submit}</button>
      </form>
      {query.faults.length > 0 && (
        <ul class="plain fault" id="query-fault">
          {query.faults.map(({ word, why, known }) => (
            <li>{say(`query.${why}`, { word, known: known.join(', ') })}</li>
          ))}
        </ul>
      )}
      <Chips visit={visit} query={query} />
      <details class="help">
        <summary>{say('query.help')}</summary>
        <p class="hint">{say('query.helpText')}</p>
        <p>
          {KNOWN.map((word) => (
            <>
              <code>{word}:</code>{' '}
            </>
          ))}
        </p>
      </details>
    </>
  );
};
