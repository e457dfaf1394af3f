// Speaks to a Redis server in a few lines, so that finding and starting one needs no client library.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export type Reply = string | number | null | ReplyError | Reply[];

/** The server answered with an error. */
export class ReplyError extends Error {
  override name = 'ReplyError';
}

export interface Resp {
  /** Sends one command. Rejects with ReplyError where the server refuses it, with another error where it is gone. */
  call(...words: string[]): Promise<Reply>;
  close(): void;
  /** Resolves when the connection has ended, for whatever reason. */
  closed: Promise<void>;
}

interface Waiting {
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
}

const CRLF = Buffer.from('\r\n');

/** One reply that begins at `at`, or undefined while it is not complete. */
const parse = (bytes: Buffer, at: number): { value: Reply; end: number } | undefined => {
  const eol = bytes.indexOf(CRLF, at);
  if (eol < 0) return undefined;
  const kind = bytes.toString('latin1', at, at + 1);
  const line = bytes.toString('utf8', at + 1, eol);
  const next = eol + 2;
  if (kind === '+') return { value: line, end: next };
  if (kind === '-') return { value: new ReplyError(line), end: next };
  if (kind === ':') return { value: Number(line), end: next };
  if (kind !== '$' && kind !== '*')
    return { value: new ReplyError(`no Redis: "${kind}${line.slice(0, 60)}"`), end: next };
  const length = Number(line);
  if (length < 0) return { value: null, end: next };
  if (kind === '*') return parseArray(bytes, next, length);
  const end = next + length;
  return bytes.length < end + 2 ? undefined : { value: bytes.toString('utf8', next, end), end: end + 2 };
};

const parseArray = (bytes: Buffer, at: number, length: number): { value: Reply; end: number } | undefined => {
  const value: Reply[] = [];
  let end = at;
  for (let index = 0; index < length; index++) {
    const item = parse(bytes, end);
    if (item === undefined) return undefined;
    value.push(item.value);
    end = item.end;
  }
  return { value, end };
};

const encode = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

const open = (at: { host: string; port: number; tls?: boolean }, timeout: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const { host, port } = at;
    const socket = at.tls === true ? connectTls({ host, port, servername: host }) : connect({ host, port });
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${timeout} ms`)), timeout);
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
    socket.once(at.tls === true ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      resolve(socket);
    });
  });

/**
 * Opens a connection.
 * @param timeout ms that connecting and each call may take; a server that keeps silent is cut off
 */
export const openResp = async (
  at: { host: string; port: number; tls?: boolean },
  { timeout = 2_000 }: { timeout?: number } = {},
): Promise<Resp> => {
  const socket = await open(at, timeout);
  const waiting: Waiting[] = [];
  let bytes: Buffer = Buffer.alloc(0);
  let fault: Error = Object.assign(new Error('the connection was closed'), { code: 'ECLOSED' });
  socket.on('error', (error) => (fault = error));
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (let reply = parse(bytes, 0); reply !== undefined; reply = parse(bytes, 0)) {
      bytes = bytes.subarray(reply.end);
      const next = waiting.shift();
      if (next === undefined) return void socket.destroy(new ReplyError(`it speaks first: ${String(reply.value)}`));
      if (reply.value instanceof ReplyError) next.reject(reply.value);
      else next.resolve(reply.value);
    }
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  void closed.then(() => waiting.splice(0).forEach(({ reject }) => reject(fault)));

  const call = async (...words: string[]): Promise<Reply> => {
    const timer = setTimeout(() => socket.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
    try {
      return await new Promise<Reply>((resolve, reject) => {
        if (socket.destroyed) return reject(fault);
        waiting.push({ resolve, reject });
        socket.write(encode(words));
      });
    } finally {
      clearTimeout(timer);
    }
  };
  return { call, close: () => socket.destroy(), closed };
};
