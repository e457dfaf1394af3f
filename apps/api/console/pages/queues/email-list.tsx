// Emails as a table, one line each, with boxes to choose some of them and what can be done to many.
import type { z } from 'zod';
import { Problem } from '../../../../../libs/mail/input/problem';
import type { State } from '../../../../../libs/mail/email/state';
import type { EmailPage } from '../../../answers/emails';
import { Refusal } from '../../kit/form';
import { StateBadge, urlWith } from '../../kit/parts';
import { Time } from '../../kit/time';
import type { Visit } from '../../page/page';
import { wordOf, type Choice } from '../bulk/order';
import { emailPath } from '../bulk/parts';

export type Email = z.infer<typeof EmailPage>['emails'][number];
export type EmailList = z.infer<typeof EmailPage>;

/** A page of a list, or why there is none: a filter that cannot be answered, a cursor of another list. */
export const askList = async (ask: () => Promise<EmailList>): Promise<EmailList | Problem> => {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Problem && (error.code === 'invalid' || error.code === 'bad-cursor')) return error;
    throw error;
  }
};

/** Spans like 7d end where the first page of the list was made: a cursor holds in one list. */
export const listBegan = ({ query, now }: Visit): number => Number(query['asOf']) || now;

const sinceOf = ({ finishedAt, acceptedAt, state, sendAt, nextAttemptAt }: Email): string =>
  finishedAt ?? (state === 'scheduled' ? sendAt : state === 'deferred' ? (nextAttemptAt ?? acceptedAt) : acceptedAt);

const Recipients = ({ visit, email }: { visit: Visit; email: Email }) => {
  const [first = '–', ...others] = [...email.to, ...email.cc, ...email.bcc];
  return others.length === 0 ? <>{first}</> : <>{visit.say('list.andMore', { first, n: others.length })}</>;
};

const subjectOf = ({ say }: Visit, { subject, template }: Email): string =>
  subject ?? (template === undefined ? say('list.noSubject') : say('list.template', { name: template.name }));

interface TableProps {
  visit: Visit;
  emails: Email[];
  /** Whether lines can be chosen. */
  choose: boolean;
  /** Emails of several queues stand in it. */
  many: boolean;
}

const Row = ({ visit, email, choose, many }: Omit<TableProps, 'emails'> & { email: Email }) => {
  const { say } = visit;
  const [to = email.id] = [...email.to, ...email.cc, ...email.bcc];
  return (
    <tr>
      {choose && (
        <td class="box">
          <label>
            <input type="checkbox" name="id" value={email.id} />
            <span class="unseen">{say('list.select', { to })}</span>
          </label>
        </td>
      )}
      <td data-label={say('list.recipient')} class="cut">
        <a href={emailPath(email)}>
          <Recipients visit={visit} email={email} />
        </a>
      </td>
      <td data-label={say('list.subject')} class="cut">
        {subjectOf(visit, email)}
      </td>
      {many && (
        <td data-label={say('list.queue')}>
          <a
            href={`/queues/${encodeURIComponent(email.tenant)}/${encodeURIComponent(email.application)}`}
          >{`${email.tenant}/${email.application}`}</a>
        </td>
      )}
      <td data-label={say('list.state')}>
        <StateBadge visit={visit} state={email.state} />
      </td>
      <td data-label={say('list.since')} class="time">
        <Time visit={visit} at={sinceOf(email)} />
      </td>
      <td data-label={say('list.why')} class="cut" {...(email.reason && { title: email.reason.text })}>
        {email.reason?.text}
      </td>
    </tr>
  );
};

export const EmailTable = ({ visit, emails, choose, many }: TableProps) => {
  const { say } = visit;
  return (
    <div class="scroll">
      <table class="cards emails" aria-label={say('list.caption')}>
        <thead>
          <tr>
            {choose && (
              <th scope="col">
                <input type="checkbox" data-check-all="id" aria-label={say('list.selectAll')} hidden />
                <span class="unseen">{say('list.selectAll')}</span>
              </th>
            )}
            <th scope="col">{say('list.recipient')}</th>
            <th scope="col">{say('list.subject')}</th>
            {many && <th scope="col">{say('list.queue')}</th>}
            <th scope="col">{say('list.state')}</th>
            <th scope="col">{say('list.since')}</th>
            <th scope="col">{say('list.why')}</th>
          </tr>
        </thead>
        <tbody>
          {emails.map((email) => (
            <Row visit={visit} email={email} choose={choose} many={many} />
          ))}
        </tbody>
      </table>
    </div>
  );
};

/** What can be done to emails of these states, what is meant most often first. */
const BY_STATE: Record<State, readonly Choice[]> = {
  scheduled: ['hold', 'send-now', 'cancel', 'delete'],
  queued: ['hold', 'cancel', 'delete'],
  sending: ['hold'],
  deferred: ['send-now', 'hold', 'cancel', 'delete'],
  held: ['release', 'send-now', 'cancel', 'delete'],
  uncertain: ['resolve:sent', 'resolve:resend', 'resolve:failed', 'release', 'cancel', 'delete'],
  sent: ['resend', 'delete'],
  failed: ['release', 'send-now', 'cancel', 'delete'],
  expired: ['release', 'send-now', 'cancel', 'delete'],
  canceled: ['delete'],
};

const ANY: readonly Choice[] = ['release', 'hold', 'send-now', 'cancel', 'resend', 'delete'];

interface BulkProps {
  visit: Visit;
  /** Where all that match would be: `tenant` or `tenant/application`. */
  at: string;
  q: string;
  /** The states that the list shows; undefined: any. */
  state: string | undefined;
  children: unknown;
}

const isState = (text: string): text is State => Object.hasOwn(BY_STATE, text);

/** The list as a form: what is chosen goes to the page that shows the effect. */
export const BulkForm = ({ visit, at, q, state, children }: BulkProps) => {
  const { say } = visit;
  const states = (state ?? '').split(',').filter(isState);
  const choices = states.length === 0 ? ANY : [...new Set(states.flatMap((one) => BY_STATE[one]))];
  return (
    <form method="post" action="/bulk">
      <input type="hidden" name="at" value={at} />
      <input type="hidden" name="q" value={q} />
      <input type="hidden" name="asOf" value={String(listBegan(visit))} />
      <input type="hidden" name="do" value="try" />
      {children}
      <div class="bulk-bar">
        <label for="action">{say('bulk.do')}</label>
        <select id="action" name="action">
          {choices.map((choice) => (
            <option value={choice}>{say(wordOf(choice))}</option>
          ))}
        </select>
        <button type="submit" name="which" value="selected">
          {say('bulk.selected')}
        </button>
        <button type="submit" name="which" value="all">
          {say('bulk.all')}
        </button>
        <span class="hint">{say('bulk.note')}</span>
      </div>
    </form>
  );
};

/** Where the list goes on; a short page says that only a part was looked through. */
export const ListEnd = ({ visit, list, limit }: { visit: Visit; list: EmailList; limit: number }) => {
  const { say, query } = visit;
  const isShort = list.emails.length < limit;
  return (
    <nav class="pager" aria-label={say('list.caption')}>
      {query['cursor'] !== undefined && (
        <a href={urlWith(visit, { cursor: undefined, asOf: undefined })} class="button">
          {say('list.first')}
        </a>
      )}
      {list.nextCursor !== null && (
        <>
          {isShort && <span class="hint">{say('list.partly')}</span>}
          <a
            href={urlWith(visit, { cursor: list.nextCursor, asOf: String(listBegan(visit)) })}
            class="button"
            rel="next"
          >
            {say(isShort ? 'list.goOn' : 'list.older')}
          </a>
        </>
      )}
    </nav>
  );
};

export const ListRefusal = ({ visit, problem }: { visit: Visit; problem: Problem }) => (
  <Refusal title={visit.say('error.title')} text={problem.errors[0]?.message ?? problem.message} />
);
