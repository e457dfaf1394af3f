// The HTTP endpoint of an archive, as somebody would write it: keeps what is signed as it should be, answers as a test says.
import { createHmac } from 'node:crypto';
import { startHttpSource } from './http-source';

export interface ArchivedMessage {
  /** `webhook-id` */
  id: string;
  metadata: Record<string, unknown> & { id: string };
  message: Buffer;
}

export interface ArchiveEndpoint {
  url: string;
  /** What was verified and answered 2xx; everything that was verified. */
  taken: ArchivedMessage[];
  asked: ArchivedMessage[];
  forged: number;
  secret: string;
  /** Holds from the next request on: a status, or no answer at all. */
  answer: (asked: ArchivedMessage) => number | 'never';
  close(): Promise<void>;
}

/** As https://www.standardwebhooks.com has it; their library wants JSON. */
const isSigned = (secret: string, body: Buffer, headers: Record<string, string>): boolean => {
  const { 'webhook-id': id = '', 'webhook-timestamp': at = '', 'webhook-signature': signatures = '' } = headers;
  const hmac = createHmac('sha256', Buffer.from(secret.replace(/^whsec_/, ''), 'base64'));
  const expected = hmac.update(`${id}.${at}.`).update(body).digest('base64');
  return Math.abs(Date.now() / 1_000 - Number(at)) < 300 && signatures.split(' ').includes(`v1,${expected}`);
};

export const startArchiveEndpoint = async (): Promise<ArchiveEndpoint> => {
  const source = await startHttpSource();
  const endpoint: ArchiveEndpoint = {
    url: `${source.url}/messages?key=secret`,
    taken: [],
    asked: [],
    forged: 0,
    secret: '',
    answer: () => 204,
    close: () => source.close(),
  };
  source.answer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const headers = request.headers as Record<string, string>;
      if (!isSigned(endpoint.secret, body, headers)) {
        endpoint.forged++;
        return response.writeHead(401).end();
      }
      const form = await new Response(body, { headers: { 'content-type': headers['content-type'] ?? '' } }).formData();
      const asked = {
        id: headers['webhook-id'] ?? '',
        metadata: JSON.parse(form.get('metadata') as string) as ArchivedMessage['metadata'],
        message: Buffer.from(await (form.get('message') as Blob).arrayBuffer()),
      };
      endpoint.asked.push(asked);
      const status = endpoint.answer(asked);
      if (status === 'never') return undefined;
      if (status < 300) endpoint.taken.push(asked);
      return response.writeHead(status).end(status === 204 ? undefined : 'not now, ann@example.org');
    })().catch(() => response.destroy());
  });
  return endpoint;
};
