// Emails as the API shows them, as far as people are shown them; and how one is found by its id alone.
import { EXIT, Stop } from '../terminal/exit';
import type { Api } from './api';

export interface Reply {
  recipient?: string;
  code: number;
  enhancedCode?: string;
  text: string;
}

export interface EmailSummary {
  id: string;
  tenant: string;
  application: string;
  state: string;
  reason?: { code: string; text: string };
  acceptedAt: string;
  sendAt: string;
  expiresAt: string;
  nextAttemptAt?: string;
  finishedAt?: string;
  attemptsMade: number;
  messageId: string;
  from?: string;
  to: string[];
  cc: string[];
  bcc: string[];
  subject?: string;
  template?: { name: string; version?: number };
  tags: string[];
  metadata: Record<string, unknown>;
  resentFrom?: string;
}

export interface EmailDetails extends EmailSummary {
  attempts: {
    number: number;
    startedAt: string;
    outcome: string;
    transport?: string;
    text?: string;
    replies: Reply[];
  }[];
  changes: { at: string; by: string; what: string }[];
}

export interface EmailPage {
  emails: EmailSummary[];
  nextCursor: string | null;
}

/** Of `tenant/application`. */
export const emailsPath = (queue: string): string => `/v1/queues/${queue}/emails`;

/** Pages of a list, one after the other; a page may be empty and still be followed by others. */
export async function* listed(api: Api, path: string, query: URLSearchParams): AsyncGenerator<EmailSummary> {
  let cursor: string | null = null;
  do {
    const asked = new URLSearchParams(query);
    if (cursor !== null) asked.set('cursor', cursor);
    const { body }: { body: EmailPage } = await api.call<EmailPage>('GET', `${path}?${asked.toString()}`);
    yield* body.emails;
    cursor = body.nextCursor;
  } while (cursor !== null);
}

/**
 * The path of an email.
 * @param queue where it is; undefined: it is looked for in all queues that the key reaches
 * @throws Stop where there is none
 */
export const emailPath = async (api: Api, id: string, queue: string | undefined): Promise<string> => {
  if (queue !== undefined) return `${emailsPath(queue)}/${encodeURIComponent(id)}`;
  if (!/^m_[0-9a-v]{26}$/.test(id))
    throw new Stop(EXIT.notFound, `${id} is no id of an email: those look like m_06f7hkq8n1s6v0c2m9t4q5b7o0`);
  for await (const found of listed(api, '/v1/emails', new URLSearchParams({ id })))
    return `${emailsPath(`${found.tenant}/${found.application}`)}/${id}`;
  throw new Stop(EXIT.notFound, `there is no email ${id}, or your key does not reach it`);
};
