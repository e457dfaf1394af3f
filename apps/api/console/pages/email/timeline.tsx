// What happened to an email, in its order: accepted, tried, changed; and what comes next.
import { exact, span, Time } from '../../kit/time';
import type { Visit } from '../../page/page';
import { isWordKey } from '../../words/all-words';
import { isConfidential, pathOf, type Details } from './loaded-email';
import { FieldTable } from './field-table';

type Attempt = Details['attempts'][number];
type Change = Details['changes'][number];

/** Fields that are content. */
const CONTENT = ['subject', 'html', 'text', 'data', 'raw', 'stored', 'attachments'];

const When = ({ visit, at }: { visit: Visit; at: string }) => (
  <span class="when">
    <Time visit={visit} at={at} /> <span class="hint">{exact(visit, Date.parse(at))}</span>
  </span>
);

const Replies = ({ visit, replies }: { visit: Visit; replies: Attempt['replies'] }) => (
  <div class="scroll">
    <table class="cards">
      <caption class="unseen">{visit.say('timeline.replies')}</caption>
      <thead>
        <tr>
          <th scope="col">{visit.say('timeline.recipient')}</th>
          <th scope="col">{visit.say('timeline.reply')}</th>
        </tr>
      </thead>
      <tbody>
        {replies.map(({ recipient, code, enhancedCode, text }) => (
          <tr>
            <td data-label={visit.say('timeline.recipient')}>{recipient ?? visit.say('timeline.all')}</td>
            <td data-label={visit.say('timeline.reply')} class={code >= 400 || code === 0 ? 'bad-text' : 'good-text'}>
              <code>
                {code === 0 ? '' : `${code} `}
                {enhancedCode !== undefined && !text.startsWith(enhancedCode) && `${enhancedCode} `}
                {text}
              </code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

const transportPath = (tenant: string, name: string): string =>
  `/tenants/${encodeURIComponent(tenant)}/transports/${encodeURIComponent(name)}`;

const AttemptEntry = ({ visit, email, attempt }: { visit: Visit; email: Details; attempt: Attempt }) => {
  const { say } = visit;
  const { number, startedAt, endedAt, outcome, transport, templateVersion, text, replies, dialogue } = attempt;
  const ms = Date.parse(endedAt) - Date.parse(startedAt);
  const isGood = outcome === 'sent';
  return (
    <li class={isGood ? 'good' : ['refused', 'uncertain', 'expired'].includes(outcome) ? 'bad' : ''}>
      <strong>
        {say('timeline.attempt', { n: number })}: {say(`outcome.${outcome}`)}
      </strong>{' '}
      <When visit={visit} at={startedAt} />
      <p class="hint">
        {transport !== undefined && <a href={transportPath(email.tenant, transport)}>{transport}</a>}
        {templateVersion !== undefined && ` · ${say('timeline.template', { n: templateVersion })}`}
        {ms >= 1_000 && ` · ${say('timeline.took', { span: span(visit, ms) })}`}
      </p>
      {text !== undefined && !isGood && (
        <p>
          <q lang="en">{text}</q>
        </p>
      )}
      {replies.length > 0 && <Replies visit={visit} replies={replies} />}
      {attempt.tls && (
        <p class="hint">
          {say('timeline.tls', { version: attempt.tls.version, cipher: attempt.tls.cipher })}{' '}
          <code>{attempt.tls.fingerprint}</code>
        </p>
      )}
      {attempt.shortened && <p class="hint">{say('timeline.shortened')}</p>}
      {dialogue !== undefined && dialogue.length > 0 && (
        <details>
          <summary>{say('timeline.dialogue')}</summary>
          <pre tabindex={0}>{dialogue.join('\n')}</pre>
        </details>
      )}
    </li>
  );
};

const didWord = ({ say }: Visit, what: string): string => {
  const key = `did.${what}`;
  return isWordKey(key) ? say(key) : what;
};

const ChangeEntry = ({ visit, email, change }: { visit: Visit; email: Details; change: Change }) => {
  const { say } = visit;
  const { at, by, what, operation, fields = {} } = change;
  const resentAs = fields['resentAs']?.after;
  const shown = Object.entries(fields).filter(
    ([name]) => name !== 'resentAs' && !(isConfidential(email) && CONTENT.includes(name)),
  );
  return (
    <li>
      <strong>{didWord(visit, what)}</strong> {say('timeline.by', { by })}
      {operation !== undefined && (
        <>
          {', '}
          <a href={`/operations/${encodeURIComponent(operation)}`}>{say('timeline.operation')}</a>
        </>
      )}{' '}
      <When visit={visit} at={at} />
      {typeof resentAs === 'string' && (
        <p>
          <a href={pathOf({ ...email, id: resentAs })}>{resentAs}</a>
        </p>
      )}
      {shown.length > 0 && <FieldTable visit={visit} fields={Object.fromEntries(shown)} />}
    </li>
  );
};

const Planned = ({ visit, email }: { visit: Visit; email: Details }) => {
  const isWaiting = ['scheduled', 'queued', 'deferred'].includes(email.state);
  if (!isWaiting) return null;
  return (
    <>
      {email.nextAttemptAt !== undefined && (
        <li class="planned">
          {visit.say('timeline.next')} <When visit={visit} at={email.nextAttemptAt} />
        </li>
      )}
      <li class="planned">
        {visit.say('timeline.expires')} <When visit={visit} at={email.expiresAt} />
      </li>
    </>
  );
};

export const Timeline = ({ visit, email }: { visit: Visit; email: Details }) => {
  const { say } = visit;
  const entries = [
    ...email.attempts.map((attempt) => ({
      at: Date.parse(attempt.startedAt),
      entry: <AttemptEntry visit={visit} email={email} attempt={attempt} />,
    })),
    ...email.changes.map((change) => ({
      at: Date.parse(change.at),
      entry: <ChangeEntry visit={visit} email={email} change={change} />,
    })),
  ].sort((a, b) => a.at - b.at);
  return (
    <section class="card" aria-labelledby="timeline-title">
      <h2 id="timeline-title">{say('timeline.title')}</h2>
      <ol class="timeline">
        <li>
          <strong>{say('timeline.accepted')}</strong> <When visit={visit} at={email.acceptedAt} />
          {email.resentFrom !== undefined && (
            <p>
              <a href={pathOf({ ...email, id: email.resentFrom })}>{say('timeline.from', { id: email.resentFrom })}</a>
            </p>
          )}
        </li>
        {entries.map(({ entry }) => entry)}
        <Planned visit={visit} email={email} />
      </ol>
    </section>
  );
};
