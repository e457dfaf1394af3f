// What one would write without Rohrpost to accept an email: Express, JSON, a zod schema, one queue.
import type { AddressInfo } from 'node:net';
import { Queue } from 'bullmq';
import express from 'express';
import { z } from 'zod';

const { redisUrl } = JSON.parse(process.argv[2] ?? '{}') as { redisUrl: string };

const Email = z.object({
  to: z.array(z.email()),
  template: z.string(),
  data: z.record(z.string(), z.unknown()),
});
const Batch = z.object({ emails: z.array(Email) });

const { hostname: host, port, password } = new URL(redisUrl);
const queue = new Queue('bare', { connection: { host, port: Number(port), password } });
const app = express();
app.use(express.json());

app.post('/emails', async (request, response) => {
  const email = Email.parse(request.body);
  const { id } = await queue.add('email', email);
  response.status(202).json({ id });
});

app.post('/emails/batch', async (request, response) => {
  const { emails } = Batch.parse(request.body);
  const jobs = await queue.addBulk(emails.map((data) => ({ name: 'email', data })));
  response.status(202).json({ ids: jobs.map(({ id }) => id) });
});

const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
