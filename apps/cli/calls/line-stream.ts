// Lines sent while others are answered: a request whose body and answer are streams (NDJSON), in bounded memory.
import { once } from 'node:events';
import { request as requestHttp, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { refusal, unreachable } from './api';
import type { Connection } from './connection';
import { Stop } from '../terminal/exit';

const textOf = async (response: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/** Writes lines as fast as they are taken; ends early where nobody takes them any more. @throws what reading the lines throws */
const pump = async (request: ClientRequest, lines: AsyncIterable<Buffer>): Promise<void> => {
  const gone = new AbortController();
  request.once('close', () => gone.abort());
  try {
    for await (const line of lines) {
      if (request.destroyed) return;
      if (!request.write(line)) await once(request, 'drain', { signal: gone.signal });
    }
    request.end();
  } catch (error) {
    if (gone.signal.aborted) return;
    request.destroy();
    throw error;
  }
};

/** Lines of an answer as they come; what has no newline yet is no line. @throws what breaks the connection */
async function* answeredLines(response: IncomingMessage): AsyncGenerator<string, void, undefined> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    yield* lines;
  }
}

/**
 * Posts lines and yields the lines that are answered.
 * @param lines each with its newline
 * @throws Stop where it is refused, or the connection breaks: what was answered until then holds
 */
export async function* postLines(
  { url, key }: Connection,
  path: string,
  lines: AsyncIterable<Buffer>,
): AsyncGenerator<string, void, undefined> {
  const make = url.startsWith('https:') ? requestHttps : requestHttp;
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' };
  const request = make(`${url}${path}`, { method: 'POST', headers });
  const pumped = pump(request, lines);
  let fault: Error | undefined;
  pumped.catch((error: Error) => (fault = error));
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    // A break is told by the response; the request tells it once more.
    request.on('error', () => undefined);
    if (response.statusCode !== 200) throw refusal(url, response.statusCode ?? 0, await textOf(response));
    yield* answeredLines(response);
    await pumped;
  } catch (error) {
    if (error instanceof Stop) throw error;
    // Where reading the lines failed, that broke the connection.
    throw fault ?? unreachable(url, error);
  } finally {
    request.destroy();
  }
}
