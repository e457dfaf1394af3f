// What one would write without a queue: nodemailer's pool in a loop, with plain Eta where there is a template.
import { createTransport } from 'nodemailer';
import { finished, recipientOf, renderPlain, dataOf } from '../support/mail';

/** What it is told by its starter. */
export interface SendTask {
  port: number;
  count: number;
  connections: number;
  templated: boolean;
  /** Where the server wants a login. */
  auth?: { user: string; pass: string };
}

const { port, count, connections, templated, auth } = JSON.parse(process.argv[2] ?? '{}') as SendTask;

const pool = createTransport({
  pool: true,
  host: '127.0.0.1',
  port,
  secure: false,
  ignoreTLS: true,
  ...(auth && { auth }),
  maxConnections: connections,
  // As many as Rohrpost sends over one.
  maxMessages: 200,
});

const bodies = templated ? [] : Array.from({ length: count }, (_, n) => finished(n));

const sendOne = async (n: number): Promise<void> => {
  const content = templated ? renderPlain(dataOf(n)) : bodies[n];
  await pool.sendMail({
    from: 'Sender <sender@acme.example>',
    to: recipientOf(n),
    messageId: `<${n}@mail.bench>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    ...(content && { subject: content.subject, html: content.html, text: content.text }),
  });
};

let next = 0;
const sendOn = async (): Promise<void> => {
  while (next < count) await sendOne(next++);
};

process.once('SIGTERM', () => process.exit(0));
process.once('message', () => {
  Promise.all(Array.from({ length: connections }, sendOn)).then(
    () => pool.close(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.({ ready: true });
