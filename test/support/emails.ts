// What stories ask a service about its emails, and how they make many.
import type { EmailBody, Service } from './service';
import { eventually } from './wait';

/** Waits until an email is in a state. @param timeout ms */
export const untilState = (
  service: Service,
  queue: string,
  id: string,
  state: string,
  timeout = 25_000,
): Promise<EmailBody> =>
  eventually(
    async () => {
      const email = await service.email(queue, id);
      expect(email.state).toBe(state);
      return email;
    },
    { timeout },
  );

/** All emails of a queue, page by page. @param emails its path under `/v1/queues` */
export const listAll = async (service: Service, emails: string): Promise<EmailBody[]> => {
  const all: EmailBody[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { emails: EmailBody[]; nextCursor: string | null } = await service.ok(
      'GET',
      `${emails}?limit=200${cursor && `&cursor=${cursor}`}`,
    );
    all.push(...page.emails);
    cursor = page.nextCursor;
  }
  return all;
};

/** Was a possible twin of the only email to this recipient recorded before? */
export const wasUncertain = async (service: Service, queue: string, recipient: string): Promise<boolean> => {
  const { emails } = await service.ok<{ emails: EmailBody[] }>(
    'GET',
    `/v1/queues/${queue}/emails?recipient=${recipient}`,
  );
  const email = await service.email(queue, emails[0]?.id ?? '');
  return email.attempts.some(({ outcome }) => outcome === 'uncertain');
};

/** The body of a batch: each email to another recipient, `r<number>@example.org`. */
export const aBatch = (from: number, count: number) => ({
  emails: Array.from({ length: count }, (_, n) => ({ to: [`r${from + n}@example.org`] })),
  defaults: { subject: 'Bulk', text: 'Hello' },
});
