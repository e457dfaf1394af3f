// `send`: one email, of a file with a complete message, of a template, or of its parts.
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { emailsPath } from '../calls/find-email';
import { EXIT, Stop, usage } from '../terminal/exit';
import { localTime } from '../terminal/table';
import { examples, several, withContext, type Context, type World } from './context';
import { followToItsEnd } from './follow';
import { readBytes, readObject, recipientsOf } from './message-file';

interface SendOptions {
  queue?: string;
  to?: string[];
  cc?: string[];
  bcc?: string[];
  from?: string;
  subject?: string;
  text?: string;
  htmlFile?: string;
  template?: string;
  data?: string;
  attach?: string[];
  sendAt?: string;
  expiresAfter?: string;
  tag?: string[];
  transport?: string;
  idempotencyKey?: string;
  follow?: true;
}

/** Fields that are given as they are. */
const plainFields = (options: SendOptions): Record<string, unknown> => {
  const { to, cc, bcc, from, subject, text, template, sendAt, expiresAfter, tag, transport } = options;
  const fields = { to, cc, bcc, from, subject, text, template, sendAt, expiresAfter, transport, tags: tag };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
};

const emailOf = async (file: string | undefined, options: SendOptions): Promise<Record<string, unknown>> => {
  const { htmlFile, data, attach = [] } = options;
  const fields = plainFields(options);
  if (file !== undefined) {
    const message = await readBytes(file);
    const named = options.to ?? options.cc ?? options.bcc;
    return { ...(named === undefined ? recipientsOf(message) : {}), ...fields, raw: message.toString('base64') };
  }
  if (options.to === undefined) throw usage('to whom? Give --to, or a file with a complete message');
  const attachments = await Promise.all(
    attach.map(async (name) => ({ filename: basename(name), content: (await readBytes(name)).toString('base64') })),
  );
  return {
    ...fields,
    ...(htmlFile !== undefined && { html: (await readBytes(htmlFile)).toString('utf8') }),
    ...(data !== undefined && { data: await readObject(data) }),
    ...(attachments.length > 0 && { attachments }),
  };
};

const send = async (context: Context, options: SendOptions, file: string | undefined): Promise<void> => {
  const { api, out } = context;
  const path = emailsPath(context.queue(options.queue));
  const body = await emailOf(file, options);
  const key = options.idempotencyKey ?? randomUUID();
  const { body: receipt } = await api
    .call<{ id: string; state: string; sendAt: string }>('POST', path, { body, headers: { 'idempotency-key': key } })
    .catch((error: unknown) => {
      if (error instanceof Stop && error.exitCode === EXIT.unreachable)
        throw new Stop(
          error.exitCode,
          `${error.message}\nIt may have arrived all the same: repeat it with --idempotency-key ${key}`,
        );
      throw error;
    });
  if (options.follow !== true) out.document(receipt);
  out.say(`${receipt.id}  ${receipt.state}${receipt.state === 'scheduled' ? ` for ${localTime(receipt.sendAt)}` : ''}`);
  if (options.follow === true) await followToItsEnd(context, `${path}/${receipt.id}`, receipt.id);
};

export const sendCommand = (program: Command, world: World): void => {
  program
    .command('send')
    .summary('send one email')
    .argument('[file]', 'a complete message (.eml); its To, Cc and Bcc say who gets it, unless options do')
    .option('-q, --queue <tenant/application>', 'of this queue (ROHRPOST_QUEUE)')
    .option('--to <address>', 'who gets it; may be repeated', several)
    .option('--cc <address>', 'who gets a copy; may be repeated', several)
    .option('--bcc <address>', 'who gets a copy unseen; may be repeated', several)
    .option('--from <address>', "the sender, if not the queue's")
    .option('--subject <text>', 'of an email without a template')
    .option('--text <text>', 'of an email without a template')
    .option('--html-file <file>', 'of an email without a template')
    .option('--template <name>', 'made of this template')
    .option('--data <file>', "an object in JSON: the template's data")
    .option('--attach <file>', 'a file that goes along; may be repeated', several)
    .option('--send-at <time>', 'not before then: 2026-12-01T08:00:00+01:00')
    .option('--expires-after <span>', 'not later than that: 2d, 6h')
    .option('--tag <tag>', 'found by it later; may be repeated', several)
    .option('--transport <name>', 'over this transport')
    .option('--idempotency-key <key>', 'makes a repetition harmless for 24 hours')
    .option('--follow', 'waits until it is sent, as follow does')
    .description('Sends one email: a file with a complete message, a template with data, or a subject and a text.')
    .addHelpText(
      'after',
      examples(
        'send message.eml --queue acme/billing',
        'send --template invoice --data invoice.json --to ann@example.org --tag invoice',
        'send --to ann@example.org --subject Hello --text "It arrived." --attach report.pdf --follow',
      ),
    )
    .action(withContext(world, send));
};
