// `hold`, `release`, `cancel`, `send-now` and `resend`: what people do to emails.
import type { Command } from 'commander';
import { emailPath, type EmailSummary } from '../calls/find-email';
import { examples, several, withContext, type World } from './context';

interface At {
  queue?: string;
}

/** Each with what stands in the list of commands, and what its help says. */
const ACTIONS = {
  hold: [
    'stop emails until they are released',
    'Stops emails until they are released. What is being sent right now is sent.',
  ],
  release: [
    'let emails go that are held or failed',
    'Lets emails go that are held, failed, expired or uncertain: attempts and expiry begin anew.',
  ],
  cancel: ['end emails for good', 'Ends emails for good. They are never sent, and stay in the error log.'],
  'send-now': [
    'send emails at once that wait',
    'Sends emails at once that wait for their time or for their next attempt.',
  ],
} as const;

const resendCommand = (program: Command, world: World): void => {
  program
    .command('resend')
    .summary('send an email of the history again')
    .argument('<id>', 'of an email that was sent')
    .option('-q, --queue <tenant/application>', 'where it is; without it, it is looked for')
    .option('--as-sent', 'the same bytes again, from the archive; without it, it is rendered anew')
    .option('--to <address>', 'to somebody else; may be repeated', several)
    .option('--idempotency-key <key>', 'makes a repetition harmless for 24 hours')
    .description('Sends an email of the history again: it becomes a new one, and both name each other.')
    .addHelpText(
      'after',
      examples(
        'resend m_06f7hkq8n1s6v0c2m9t4q5b7o0',
        'resend m_06f7hkq8n1s6v0c2m9t4q5b7o0 --as-sent --to ann@example.org',
      ),
    )
    .action(
      withContext(
        world,
        async ({ api, out }, options: At & { asSent?: true; to?: string[]; idempotencyKey?: string }, id: string) => {
          const { asSent, to, idempotencyKey } = options;
          const { body } = await api.call<{ id: string; state: string }>(
            'POST',
            `${await emailPath(api, id, options.queue)}/resend`,
            {
              body: { mode: asSent === true ? 'as-sent' : 'render', ...(to && { to }) },
              headers: idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey },
            },
          );
          out.document(body);
          out.say(`${body.id}  ${body.state}`);
        },
      ),
    );
};

export const actCommands = (program: Command, world: World): void => {
  for (const [name, [summary, description]] of Object.entries(ACTIONS))
    program
      .command(name)
      .summary(summary)
      .argument('<ids...>', 'of the emails')
      .option('-q, --queue <tenant/application>', 'where they are; without it, they are looked for')
      .description(description)
      .addHelpText('after', examples(`${name} m_06f7hkq8n1s6v0c2m9t4q5b7o0`))
      .action(
        withContext(world, async ({ api, out }, { queue }: At, ids: string[]) => {
          for (const id of ids) {
            const { body } = await api.call<EmailSummary>('POST', `${await emailPath(api, id, queue)}/${name}`);
            out.line(body);
            out.say(`${body.id}  ${body.state}`);
          }
        }),
      );
  resendCommand(program, world);
};
