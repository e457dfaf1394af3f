// The web side of the development inbox: which address shows what, under a policy that lets a mail fetch nothing.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SCRIPT, STYLE } from './inbox-assets';
import { letterPage, listPage, missingPage, VIEWS, type View } from './inbox-page';
import type { Letter, Mailbox } from './mailbox';

/** Our own pages: nothing inline, nothing from elsewhere. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** A mail's html: its styles and the images that came with it, no script, no request to anywhere. */
const MAIL_POLICY =
  "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; " +
  "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

interface Answer {
  status?: number;
  type: string;
  body: string | Buffer;
  policy?: string;
  headers?: Record<string, string>;
}

const page = (body: string, more: Partial<Answer> = {}): Answer => ({
  type: 'text/html; charset=utf-8',
  body,
  ...more,
});
const json = (value: unknown): Answer => ({ type: 'application/json', body: JSON.stringify(value) });

const percent = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;

const attachment = ({ attachments }: Letter, index: string | undefined): Answer | undefined => {
  const found = attachments[Number(index)];
  if (found === undefined) return undefined;
  // Never shown by the browser, whatever it claims to be: it would run in the inbox's own origin.
  const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(found.filename).replace(/['()*]/g, percent)}`;
  return { type: 'application/octet-stream', body: found.content, headers: { 'content-disposition': disposition } };
};

const withoutContent = ({ attachments, ...letter }: Letter): unknown => ({
  ...letter,
  attachments: attachments.map(({ filename, contentType, size, cid }, index) => ({
    ...{ filename, contentType, size, cid },
    url: `/messages/${letter.id}/attachments/${index}`,
  })),
});

const answerLetter = async (mailbox: Mailbox, path: string, view: string | null): Promise<Answer | undefined> => {
  const [, id = '', part, index] =
    /^\/messages\/(\d+)(\.json|\/html|\/raw|\/attachments\/(\d{1,4}))?$/.exec(path) ?? [];
  if (part === '/raw') {
    const body = mailbox.raw(id);
    return body && { type: 'text/plain; charset=utf-8', body, policy: MAIL_POLICY };
  }
  const letter = await mailbox.read(id);
  if (letter === undefined) return undefined;
  if (part === '.json') return json(withoutContent(letter));
  // Links open outside: within the frame they would be blocked.
  if (part === '/html') return page(`<base target="_blank">${letter.html}`, { policy: MAIL_POLICY });
  if (part !== undefined) return attachment(letter, index);
  const usual: View = letter.html === '' ? 'text' : 'html';
  return page(letterPage(letter, mailbox.raw(id), VIEWS.find((known) => known === view) ?? usual));
};

const answer = async (mailbox: Mailbox, { pathname, searchParams }: URL): Promise<Answer | undefined> => {
  if (pathname === '/inbox.css') return { type: 'text/css; charset=utf-8', body: STYLE };
  if (pathname === '/inbox.js') return { type: 'text/javascript; charset=utf-8', body: SCRIPT };
  if (pathname === '/') return page(listPage(await mailbox.list(), mailbox.received));
  if (pathname === '/messages.json') return json(await mailbox.list());
  return answerLetter(mailbox, pathname, searchParams.get('view'));
};

/** Answers one request of the inbox's page. Never rejects. */
export const answerInbox = async (
  mailbox: Mailbox,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const send = ({ status = 200, type, body, policy = PAGE_POLICY, headers = {} }: Answer): void => {
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'content-security-policy': policy,
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  try {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return send({
        status: 405,
        type: 'text/plain',
        body: 'The inbox can only be read.',
        headers: { allow: 'GET, HEAD' },
      });
    }
    const found = await answer(mailbox, new URL(request.url ?? '/', 'http://inbox'));
    send(found ?? page(missingPage(), { status: 404 }));
  } catch (error) {
    send({ status: 500, type: 'text/plain; charset=utf-8', body: `This mail cannot be shown: ${String(error)}` });
  }
};
