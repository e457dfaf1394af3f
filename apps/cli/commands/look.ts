// `show` and `explain`: one email as a whole, and why it has not been sent.
import type { Command } from 'commander';
import { emailPath, type EmailDetails, type Reply } from '../calls/find-email';
import { localTime, pairsOf } from '../terminal/table';
import { examples, withContext, type World } from './context';

interface At {
  queue?: string;
}

const timeOf = (iso: string | undefined): string | undefined => iso && localTime(iso);

const replyLine = ({ recipient, code, enhancedCode, text }: Reply): string =>
  [
    recipient && `${recipient}:`,
    code === 0 ? undefined : code,
    enhancedCode !== undefined && !text.startsWith(enhancedCode) && enhancedCode,
    text,
  ]
    .filter(Boolean)
    .join(' ');

/** An email in lines for people. */
const linesOf = (email: EmailDetails): string[] => {
  const { template, reason, metadata } = email;
  const facts = pairsOf([
    ['id', email.id],
    ['queue', `${email.tenant}/${email.application}`],
    ['state', reason === undefined ? email.state : `${email.state} (${reason.code}): ${reason.text}`],
    ['from', email.from],
    ['to', email.to.join(', ')],
    ['cc', email.cc.join(', ')],
    ['bcc', email.bcc.join(', ')],
    ['subject', email.subject],
    [
      'template',
      template && `${template.name}${template.version === undefined ? '' : `, version ${template.version}`}`,
    ],
    ['accepted', timeOf(email.acceptedAt)],
    ['to be sent', timeOf(email.sendAt)],
    ['expires', timeOf(email.expiresAt)],
    ['next attempt', timeOf(email.nextAttemptAt)],
    ['finished', timeOf(email.finishedAt)],
    ['tags', email.tags.join(', ')],
    [
      'metadata',
      Object.entries(metadata)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join(', '),
    ],
    ['message id', email.messageId],
    ['resent from', email.resentFrom],
  ]);
  const attempts = email.attempts.flatMap(({ number, startedAt, outcome, transport, text, replies }) => [
    `  ${number}  ${localTime(startedAt)}  ${outcome}${transport === undefined ? '' : ` by ${transport}`}${text === undefined ? '' : `: ${text}`}`,
    ...replies.map((reply) => `       ${replyLine(reply)}`),
  ]);
  const changes = email.changes.map(({ at, by, what }) => `  ${localTime(at)}  ${what} by ${by}`);
  return [
    ...facts,
    ...(attempts.length > 0 ? ['', 'Attempts', ...attempts] : []),
    ...(changes.length > 0 ? ['', 'Changes', ...changes] : []),
  ];
};

export const lookCommands = (program: Command, world: World): void => {
  program
    .command('show')
    .summary('show an email as a whole')
    .argument('<id>', 'of the email')
    .option('-q, --queue <tenant/application>', 'where it is; without it, it is looked for')
    .description('Shows an email as a whole: its fields, its attempts with the words of the server, its changes.')
    .addHelpText('after', examples('show m_06f7hkq8n1s6v0c2m9t4q5b7o0', 'show m_06f7hkq8n1s6v0c2m9t4q5b7o0 --json'))
    .action(
      withContext(world, async ({ api, out }, { queue }: At, id: string) => {
        const { body } = await api.call<EmailDetails>('GET', await emailPath(api, id, queue));
        out.document(body);
        if (!out.json) linesOf(body).forEach(out.say);
      }),
    );
  program
    .command('explain')
    .summary('say why an email has not been sent')
    .argument('<id>', 'of the email')
    .option('-q, --queue <tenant/application>', 'where it is; without it, it is looked for')
    .description('Says why an email has not been sent: everything that stands in its way, the farthest first.')
    .addHelpText('after', examples('explain m_06f7hkq8n1s6v0c2m9t4q5b7o0'))
    .action(
      withContext(world, async ({ api, out }, { queue }: At, id: string) => {
        const path = `${await emailPath(api, id, queue)}/explain`;
        const { body } = await api.call<{ state: string; reasons: { code: string; text: string; until?: string }[] }>(
          'GET',
          path,
        );
        out.document(body);
        out.say(body.state);
        for (const { code, text, until } of body.reasons)
          out.say(`  ${code}: ${text}${until === undefined ? '' : `, until ${localTime(until)}`}`);
        if (body.reasons.length === 0) out.say('  nothing stands in its way');
      }),
    );
};
