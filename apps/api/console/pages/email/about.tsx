// What an email is, and what it hangs together with: queue, template, transport, incident, its recipients' other emails.
import type { Child } from 'hono/jsx';
import { may } from '../../../../../libs/mail/settings/api-key';
import { REPORTED } from '../../../../../libs/mail/reports/report';
import { Copyable, count } from '../../kit/parts';
import { ExactTime } from '../../kit/time';
import type { Visit } from '../../page/page';
import type { WordKey } from '../../words/all-words';
import { bareAddress, pathOf, queuePath, type Details } from './loaded-email';

const Pair = ({ visit, word, children }: { visit: Visit; word: WordKey; children: Child }) => (
  <>
    <dt>{visit.say(word)}</dt>
    <dd>{children}</dd>
  </>
);

/** What came back of a recipient after the email was sent, in the words of who reported it. */
const ReportedOf = ({ visit, email, isOf }: { visit: Visit; email: Details; isOf: (recipient: string) => boolean }) => (
  <>
    {REPORTED.flatMap((kind) =>
      (email.recipients?.[kind] ?? [])
        .filter(({ recipient }) => isOf(recipient))
        .map(({ status, diagnostic, at }) => (
          <div class={kind === 'delivered' ? 'good-text' : 'bad-text'}>
            {visit.say(`reported.${kind}`)} <ExactTime visit={visit} at={at} />
            {': '}
            {[status, diagnostic].filter((part) => part !== undefined).join(' ')}
          </div>
        )),
    )}
  </>
);

/** Addresses, each with what is known of it and the way to its other emails. */
const Recipients = ({ visit, email, list }: { visit: Visit; email: Details; list: string[] }) => {
  const { accepted = [], refused = [] } = email.recipients ?? {};
  const isOf = (address: string) => (other: string | undefined) => other?.toLowerCase() === address.toLowerCase();
  return (
    <ul class="plain">
      {list.map((one) => {
        const address = bareAddress(one);
        const has = accepted.some(isOf(address));
        const reply = refused.find(({ recipient }) => isOf(address)(recipient));
        return (
          <li>
            <a href={`/search?q=${encodeURIComponent(address)}`} title={visit.say('about.search', { to: address })}>
              {one}
            </a>
            {has && <span class="good-text"> ● {visit.say('about.has')}</span>}
            {reply !== undefined && <span class="bad-text"> ▲ {visit.say('about.refused')}</span>}
            <ReportedOf visit={visit} email={email} isOf={isOf(address)} />
          </li>
        );
      })}
    </ul>
  );
};

const Links = ({ visit, email }: { visit: Visit; email: Details }) => {
  const { say, identity } = visit;
  const { tenant, application, id } = email;
  const job = `/board/queue/${encodeURIComponent(`${tenant}.${application}`)}/${encodeURIComponent(id)}`;
  return (
    <>
      {email.incident !== undefined && (
        <Pair visit={visit} word="about.incident">
          <a href={`/incidents/${encodeURIComponent(email.incident)}`}>{say('about.incidentLink')}</a>
        </Pair>
      )}
      {may(identity, 'send') && (
        <Pair visit={visit} word="nav.board">
          <a href={job} rel="external">
            {say('about.board')}
          </a>
        </Pair>
      )}
    </>
  );
};

const under = (tenant: string, kind: string, name: string): string =>
  `/tenants/${encodeURIComponent(tenant)}/${kind}/${encodeURIComponent(name)}`;

const Rest = ({ visit, email }: { visit: Visit; email: Details }) => {
  const { tenant, template, settings, tags, metadata } = email;
  const known = Object.entries(metadata);
  return (
    <>
      {template !== undefined && (
        <Pair visit={visit} word="about.template">
          <a href={under(tenant, 'templates', template.name)}>{template.name}</a>
          {template.version !== undefined && ` (${template.version})`}
        </Pair>
      )}
      <Pair visit={visit} word="about.transport">
        <a href={under(tenant, 'transports', settings.transport)}>{settings.transport}</a>
      </Pair>
      <Pair visit={visit} word="about.priority">
        {visit.say(`priority.${settings.priority}`)}
      </Pair>
      <Pair visit={visit} word="about.sendAt">
        <ExactTime visit={visit} at={email.sendAt} />
      </Pair>
      <Pair visit={visit} word="about.expiresAt">
        <ExactTime visit={visit} at={email.expiresAt} />
      </Pair>
      <Pair visit={visit} word="about.attempts">
        {visit.say('about.attemptsOf', {
          made: count(visit, email.attemptsMade),
          most: count(visit, settings.attempts),
        })}
      </Pair>
      {tags.length > 0 && (
        <Pair visit={visit} word="about.tags">
          {tags.join(', ')}
        </Pair>
      )}
      {known.length > 0 && (
        <Pair visit={visit} word="about.metadata">
          {known.map(([name, value]) => `${name}: ${String(value)}`).join(', ')}
        </Pair>
      )}
    </>
  );
};

const LISTS = ['to', 'cc', 'bcc'] as const;

export const About = ({ visit, email }: { visit: Visit; email: Details }) => {
  const from = email.from ?? email.raw?.from ?? email.settings.from;
  return (
    <section class="card" aria-labelledby="about-title">
      <h2 id="about-title">{visit.say('about.title')}</h2>
      <dl class="pairs">
        {from !== undefined && (
          <Pair visit={visit} word="about.from">
            {from}
          </Pair>
        )}
        {LISTS.filter((name) => email[name].length > 0).map((name) => (
          <Pair visit={visit} word={`about.${name}`}>
            <Recipients visit={visit} email={email} list={email[name]} />
          </Pair>
        ))}
        {email.replyTo.length > 0 && (
          <Pair visit={visit} word="about.replyTo">
            {email.replyTo.join(', ')}
          </Pair>
        )}
        <Pair visit={visit} word="about.queue">
          <a href={queuePath(email)}>{`${email.tenant}/${email.application}`}</a>
        </Pair>
        <Rest visit={visit} email={email} />
        {email.resentFrom !== undefined && (
          <Pair visit={visit} word="about.resentFrom">
            <a href={pathOf({ ...email, id: email.resentFrom })}>{email.resentFrom}</a>
          </Pair>
        )}
        <Links visit={visit} email={email} />
        <dt>ID</dt>
        <dd>
          <Copyable visit={visit} text={email.id} />
        </dd>
        <dt>Message-ID</dt>
        <dd>
          <Copyable visit={visit} text={email.messageId} />
        </dd>
      </dl>
    </section>
  );
};
