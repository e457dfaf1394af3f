// `events` and `follow`: what happens, as it happens.
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { hear, isForGood, type ServiceEvent } from '../calls/event-stream';
import { emailPath, type EmailDetails } from '../calls/find-email';
import { EXIT, Stop } from '../terminal/exit';
import { localTime } from '../terminal/table';
import { examples, withContext, type Context, type World } from './context';

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** `2026-12-01 08:00:30  email.failed  acme/billing  m_…  ann@example.org  refused  550 5.1.1` */
const lineOf = ({ type, timestamp, data }: ServiceEvent): string => {
  const { tenant, application, id, recipients, code, reply, transport, reason } = data;
  const place = [tenant, application].map(textOf).filter(Boolean).join('/');
  const who = Array.isArray(recipients) ? recipients.map(textOf).join(', ') : '';
  const rest = [id, transport, who, code, reply, reason].map(textOf).filter(Boolean);
  return [localTime(timestamp), type.padEnd(15), place, ...rest].join('  ');
};

const events = async (
  { api, out, world }: Context,
  { type, queue, tenant }: { type?: string; queue?: string; tenant?: string },
): Promise<void> => {
  const query = new URLSearchParams();
  if (type !== undefined) query.set('types', type);
  if (queue !== undefined) query.set('queue', queue);
  if (tenant !== undefined) query.set('tenant', tenant);
  for await (const heard of hear(api, query, world.stopped)) {
    if (heard.kind === 'gap') out.note('Some events were missed here: lists say what is now.');
    if (heard.kind !== 'event') continue;
    out.line(heard.event);
    out.say(lineOf(heard.event));
  }
};

/** States in which nothing more happens by itself. */
const AT_REST = ['sent', 'failed', 'expired', 'canceled', 'held', 'uncertain'];
/** Besides the events, the email itself is looked at: it may have ended before they were listened to. ms */
const LOOK_MS = 5_000;

/** Yields whenever the email should be looked at: at each connection, after a gap, at its events, and now and then. */
const follow = async (context: Context, path: string, id: string): Promise<EmailDetails> => {
  const { api, out, world } = context;
  const done = new AbortController();
  const signal = AbortSignal.any([world.stopped, done.signal]);
  const look = async (): Promise<EmailDetails | undefined> => {
    // An API that is restarted is asked again later.
    const answer = await api.call<EmailDetails>('GET', path).catch((error: unknown) => {
      if (!(error instanceof Stop) || isForGood(error)) throw error;
      return undefined;
    });
    return answer !== undefined && AT_REST.includes(answer.body.state) ? answer.body : undefined;
  };
  const listen = async (): Promise<EmailDetails | undefined> => {
    const [, queue = ''] = /^\/v1\/queues\/([^/]+\/[^/]+)/.exec(path) ?? [];
    for await (const heard of hear(api, new URLSearchParams({ queue }), signal)) {
      if (heard.kind === 'event') {
        if (heard.event.data['id'] !== id) continue;
        out.line(heard.event);
        out.say(lineOf(heard.event));
      }
      const ended = await look();
      if (ended !== undefined) return ended;
    }
    return undefined;
  };
  const lookNowAndThen = async (): Promise<EmailDetails | undefined> => {
    while (!signal.aborted) {
      await pause(LOOK_MS, undefined, { signal }).catch(() => undefined);
      const ended = signal.aborted ? undefined : await look();
      if (ended !== undefined) return ended;
    }
    return undefined;
  };
  try {
    const ended = await Promise.race([listen(), lookNowAndThen()]);
    if (ended === undefined) throw new Stop(EXIT.unsent, 'stopped before the email was sent');
    return ended;
  } finally {
    done.abort();
  }
};

/** Waits for the end of an email and tells it. @throws Stop where it is not sent */
export const followToItsEnd = async (context: Context, path: string, id: string): Promise<void> => {
  const email = await follow(context, path, id);
  context.out.line(email);
  context.out.say(`${email.id}  ${email.state}`);
  if (email.state === 'sent') return;
  const { reason } = email;
  throw new Stop(EXIT.unsent, `it is ${email.state}${reason === undefined ? '' : `: ${reason.text} (${reason.code})`}`);
};

export const eventCommands = (program: Command, world: World): void => {
  program
    .command('events')
    .summary('show what happens, as it happens')
    .option('--type <types>', 'these alone, with commas between: email.failed,transport.down')
    .option('-q, --queue <tenant/application>', 'of this queue alone')
    .option('-t, --tenant <name>', 'of this tenant alone')
    .description(
      'Shows what happens to emails, transports and queues, as it happens, until Ctrl-C. A connection that breaks is taken up again, and nothing is missed.',
    )
    .addHelpText('after', examples('events', 'events --queue acme/billing --type email.failed,email.uncertain --json'))
    .action(withContext(world, events));
  program
    .command('follow')
    .summary('show what happens to one email until it is sent')
    .argument('<id>', 'of the email')
    .option('-q, --queue <tenant/application>', 'where it is; without it, it is looked for')
    .description(
      'Shows what happens to one email until it is sent (exit code 0), or has ended unsent or waits for a person (exit code 5).',
    )
    .addHelpText('after', examples('follow m_06f7hkq8n1s6v0c2m9t4q5b7o0'))
    .action(
      withContext(world, async (context, { queue }: { queue?: string }, id: string) =>
        followToItsEnd(context, await emailPath(context.api, id, queue), id),
      ),
    );
};
