// `list` and `search`: emails by filters, in a table or as lines of JSON.
import { InvalidArgumentError, type Command } from 'commander';
import { emailsPath, listed, type EmailSummary } from '../calls/find-email';
import { usage } from '../terminal/exit';
import { localTime, tableOf } from '../terminal/table';
import { examples, several, withContext, type Context, type World } from './context';

interface Filters {
  queue?: string;
  tenant?: string;
  state?: string[];
  recipient?: string;
  template?: string;
  tag?: string;
  subject?: string;
  code?: string;
  reply?: string;
  transport?: string;
  messageId?: string;
  incident?: string;
  metadata?: string[];
  since?: string;
  until?: string;
  limit: number;
}

const positive = (text: string): number => {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('It takes a number from 1 on.');
  return Number(text);
};

/** Filters that the API takes under the name of the option. */
const PLAIN = [
  'recipient',
  'template',
  'tag',
  'subject',
  'code',
  'reply',
  'transport',
  'messageId',
  'incident',
  'since',
  'until',
] as const;

const addFilters = (command: Command): Command =>
  command
    .option('-q, --queue <tenant/application>', 'in this queue alone; without it in all that the key reaches')
    .option('-t, --tenant <name>', 'in all queues of this tenant')
    .option(
      '-s, --state <state>',
      'scheduled, queued, sending, deferred, held, uncertain, sent, failed, expired, canceled; may be repeated',
      several,
    )
    .option('--recipient <address>', 'to, cc or bcc: an address, the beginning of one with *, or *@domain')
    .option('--template <name>', 'made of this template')
    .option('--tag <tag>', 'with this tag')
    .option('--subject <words>', 'words that begin words of the subject')
    .option('--code <code>', 'why it was not sent: refused, template-failed and so on')
    .option('--reply <reply>', 'what the server said last: 550, 5.1.1, or both')
    .option('--transport <name>', 'over this transport')
    .option('--message-id <id>', 'its Message-ID')
    .option('--incident <id>', 'stands in this incident')
    .option('--metadata <name=value>', 'with this in its metadata; may be repeated', several)
    .option('--since <time>', 'accepted from then on: a date, or a time like 2026-12-01T08:00:00Z')
    .option('--until <time>', 'accepted before then')
    .option('-n, --limit <number>', 'emails at most', positive, 50);

const queryOf = (filters: Filters): URLSearchParams => {
  const query = new URLSearchParams();
  for (const state of filters.state ?? []) query.append('state', state);
  for (const name of PLAIN) if (filters[name] !== undefined) query.set(name, filters[name]);
  for (const pair of filters.metadata ?? []) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (name === '') throw usage(`--metadata takes name=value, not "${pair}"`);
    query.set(`metadata.${name}`, value);
  }
  query.set('limit', String(Math.min(filters.limit, 200)));
  return query;
};

const pathOf = (context: Context, { queue, tenant }: Filters): string => {
  if (queue !== undefined) return emailsPath(context.queue(queue));
  return tenant === undefined ? '/v1/emails' : `/v1/tenants/${encodeURIComponent(tenant)}/emails`;
};

/** Without its name: tables are narrow. */
const addressIn = (text: string): string => /<([^<>]*)>$/.exec(text)?.[1] ?? text;

const rowOf = (email: EmailSummary): string[] => [
  email.id,
  localTime(email.acceptedAt).slice(0, -3),
  email.state,
  `${email.tenant}/${email.application}`,
  `${addressIn(email.to[0] ?? '')}${email.to.length > 1 ? ` +${email.to.length - 1}` : ''}`,
  email.reason?.text ?? email.subject ?? (email.template === undefined ? '' : `template ${email.template.name}`),
];

const list = async (context: Context, filters: Filters): Promise<void> => {
  const { api, out } = context;
  const found: EmailSummary[] = [];
  let more = false;
  for await (const email of listed(api, pathOf(context, filters), queryOf(filters))) {
    more = found.length === filters.limit;
    if (more) break;
    found.push(email);
    out.line(email);
  }
  if (found.length === 0) return out.say('No email is like that.');
  const titles = ['ID', 'ACCEPTED', 'STATE', 'QUEUE', 'TO', 'SUBJECT, OR WHY IT IS NOT SENT'];
  for (const line of tableOf(titles, found.map(rowOf), out.width)) out.say(line);
  if (more && !out.json) out.note(`There are more than these ${filters.limit}: --limit shows more.`);
};

/** What a word without an option means by its looks; several other words are looked for in the subject. */
const wordsToFilters = (words: readonly string[], filters: Filters): Filters => {
  const found: Filters & { id?: string } = { ...filters };
  const subject: string[] = [];
  for (const word of words) {
    if (/^<[^<>\s]+>$/.test(word) || /^m_[0-9a-v]{26}@/.test(word)) found.messageId = word;
    else if (/^i_[0-9a-v]{12}$/.test(word)) found.incident = word;
    else if (word.includes('@') || word.endsWith('*')) found.recipient = word;
    else if (/^[245]\d\d$|^[245]\.\d{1,3}\.\d{1,3}$/.test(word)) found.reply = word;
    else subject.push(word);
  }
  return subject.length === 0 ? found : { ...found, subject: subject.join(' ') };
};

export const findCommands = (program: Command, world: World): void => {
  addFilters(program.command('list').summary('list emails by filters'))
    .description('Lists emails, newest first. Options are combined: an email must be like all of them.')
    .addHelpText(
      'after',
      examples(
        'list --state failed --since 2026-12-01',
        'list --queue acme/billing --recipient "*@example.org" --limit 200',
        'list --state failed --reply 5.1.1 --json',
      ),
    )
    .action(withContext(world, list));
  addFilters(program.command('search').summary('find emails by what you know of them'))
    .argument(
      '<words...>',
      'an address (ann@example.org, ann*, *@example.org), a Message-ID in angle brackets, an incident, an SMTP reply (550, 5.1.1), or words of the subject',
    )
    .description('Finds emails by what you know of them. A word is understood by its looks; options narrow it down.')
    .addHelpText(
      'after',
      examples('search ann@example.org', 'search "*@gmial.example" --state failed', 'search invoice 2026-114'),
    )
    .action(
      withContext(world, (context, filters: Filters, words: string[]) => list(context, wordsToFilters(words, filters))),
    );
};
