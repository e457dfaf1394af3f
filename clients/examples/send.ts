// Puts an email into a queue. API, KEY and QUEUE (tenant/application) come from the environment.
import { createClient, RohrpostProblem, type Queue } from '@rohrpost/client';

const { API: url = '', KEY: key = '', QUEUE: queue = '' } = process.env;
const { emails } = createClient({ url, key });

try {
  const { id, state } = await emails.send(
    queue as Queue,
    { to: 'Ann <ann@example.org>', subject: 'Invoice 114 (TypeScript)', text: 'Dear Ann, ...', tags: ['invoice'] },
    { idempotencyKey: 'invoice-114-typescript' },
  );
  console.log(`accepted: ${id}, ${state}`);
  for await (const email of emails.list({ queue: queue as Queue, tag: 'invoice' })) console.log(email.id, email.state);
} catch (error) {
  if (!(error instanceof RohrpostProblem)) throw error;
  console.error(`refused: ${error.code}: ${error.message}`, error.errors);
  process.exitCode = 1;
}
