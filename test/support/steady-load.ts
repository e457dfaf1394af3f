// Clients that hand in emails one after the other while something happens to Redis, and what became of those emails.
import { setTimeout as pause } from 'node:timers/promises';
import { setUpQueue, type EmailBody, type Service } from './service';
import type { SmtpServer } from './smtp/smtp-server';
import { eventually } from './wait';

const CLIENTS = 4;
/** Above what the API waits for Redis: an answer that takes longer hangs. ms */
const HANGS_MS = 10_000;
/** An email whose marks were lost costs a lock, a look, the quarantine of an intent and one more attempt. ms */
const SETTLED_MS = 90_000;

export interface SteadyLoad {
  /** Recipients of the emails that were answered by 202, in their order. */
  accepted: string[];
  answers: Record<number, number>;
  /** Requests that were not answered in time. */
  hung: number;
  /** Accepts and sends go on: waits for more of both than there are now. @returns after how long they did, ms */
  untilItGoesOn(): Promise<{ accepted: number; sent: number }>;
  /** Ends the clients, and waits until each of these has arrived. */
  untilAllArrived(recipients: string[]): Promise<void>;
  /** How often one of the recipients got more than one. */
  twice(): number;
}

/** A queue of its own, by whose name emails go to servers of their own in a cluster. */
export const startLoad = async (service: Service, smtp: SmtpServer, queues: string[]): Promise<SteadyLoad> => {
  const paths: string[] = [];
  for (const queue of queues) {
    const settings = { concurrency: 20, backoff: { delay: '200ms' } };
    paths.push((await setUpQueue(service, queue, smtp.port, settings)).emails);
  }
  let going = true;
  let asked = 0;
  const load: SteadyLoad = {
    accepted: [],
    answers: {},
    hung: 0,
    untilItGoesOn: async () => {
      const begun = performance.now();
      const [accepted, sent] = [load.accepted.length, smtp.messages.length];
      const after = async (more: () => boolean): Promise<number> => {
        await eventually(() => Promise.resolve(expect(more()).toBe(true)), { timeout: 30_000, every: 10 });
        return Math.round(performance.now() - begun);
      };
      const [acceptedAfter, sentAfter] = await Promise.all([
        after(() => load.accepted.length > accepted + CLIENTS),
        after(() => smtp.messages.length > sent + CLIENTS),
      ]);
      return { accepted: acceptedAfter, sent: sentAfter };
    },
    untilAllArrived: async (recipients) => {
      going = false;
      await clients;
      await eventually(
        () => {
          const arrived = new Set(smtp.messages.map(({ to }) => to[0]));
          expect(recipients.filter((one) => !arrived.has(one))).toEqual([]);
          return Promise.resolve();
        },
        { timeout: SETTLED_MS, every: 50 },
      );
    },
    twice: () => smtp.messages.length - new Set(smtp.messages.map(({ to }) => to[0])).size,
  };

  const post = async (): Promise<void> => {
    const to = `r${asked++}@example.org`;
    const path = paths[asked % paths.length] ?? '';
    const begun = performance.now();
    const { status } = await service.call<EmailBody>('POST', path, { to: [to], subject: 'x', text: 'x' });
    if (performance.now() - begun > HANGS_MS) load.hung++;
    load.answers[status] = (load.answers[status] ?? 0) + 1;
    if (status === 202) load.accepted.push(to);
  };
  const client = async (): Promise<void> => {
    while (going) {
      await post();
      await pause(2);
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  // Told where it is waited for.
  clients.catch(() => undefined);
  return load;
};
