// The receiver of a webhook, as somebody would write it: keeps what is signed as it should be, answers as a test says.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { eventually } from '../wait';
import { startHttpSource } from './http-source';

export interface ReceivedEvent {
  id: string;
  at: number;
  path: string;
  type: string;
  body: { type: string; timestamp: string; data: Record<string, unknown> };
}

export interface WebhookReceiver {
  url: string;
  /** What was verified and answered 2xx. */
  taken: ReceivedEvent[];
  /** Every request that was verified. */
  asked: ReceivedEvent[];
  /** Requests whose signature was wrong. */
  forged: number;
  /** Each of these may sign. */
  secrets: string[];
  /** Holds from the next request on: the status; nothing answers 204. */
  answer(how: (event: ReceivedEvent, response: ServerResponse) => number | 'answered' | 'never' | undefined): void;
  /** Waits until so many were taken that match. */
  takes(count: number, matches?: (event: ReceivedEvent) => boolean, timeout?: number): Promise<ReceivedEvent[]>;
  close(): Promise<void>;
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

const isSigned = (secret: string, body: string, request: IncomingMessage): boolean => {
  try {
    new Webhook(secret).verify(body, request.headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
};

export const startWebhookReceiver = async (): Promise<WebhookReceiver> => {
  const source = await startHttpSource();
  let how: Parameters<WebhookReceiver['answer']>[0] = () => undefined;

  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    if (!receiver.secrets.some((secret) => isSigned(secret, body, request))) {
      receiver.forged++;
      response.writeHead(401).end('wrong signature');
      return;
    }
    const parsed = JSON.parse(body) as ReceivedEvent['body'];
    const event: ReceivedEvent = {
      id: String(request.headers['webhook-id']),
      at: Date.now(),
      path: request.url ?? '',
      type: parsed.type,
      body: parsed,
    };
    receiver.asked.push(event);
    const status = how(event, response) ?? 204;
    if (status === 'never' || status === 'answered') return;
    if (status < 300) receiver.taken.push(event);
    response.writeHead(status).end(status === 204 ? undefined : `answer to ann@example.org: ${status}`);
  };
  source.answer((request, response) => void receive(request, response).catch(() => response.destroy()));

  const receiver: WebhookReceiver = {
    url: `${source.url}/events`,
    taken: [],
    asked: [],
    forged: 0,
    secrets: [],
    answer: (next) => void (how = next),
    takes: (count, matches = () => true, timeout = 25_000) =>
      eventually(
        () => {
          const found = receiver.taken.filter(matches);
          if (found.length < count) throw new Error(`took ${found.length} of ${count}`);
          return found;
        },
        { timeout },
      ),
    close: () => source.close(),
  };
  return receiver;
};
