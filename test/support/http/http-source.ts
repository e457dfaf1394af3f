// A source of data and documents: answers as a test says, keeps what it was asked.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  path: string;
  headers: IncomingHttpHeaders;
}

export interface HttpSource {
  port: number;
  url: string;
  asked: Asked[];
  /** Connections ever. */
  connections: number;
  /** Holds from the next request on. */
  answer(handler: (request: IncomingMessage, response: ServerResponse) => void): void;
  close(): Promise<void>;
}

export const json = (response: ServerResponse, body: unknown, status = 200): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

/** Starts one on any free port of an address of this machine. */
export const startHttpSource = async (host = '127.0.0.1'): Promise<HttpSource> => {
  let handler = (_request: IncomingMessage, response: ServerResponse): void => json(response, {});
  const server = createServer((request, response) => {
    source.asked.push({ path: request.url ?? '', headers: request.headers });
    handler(request, response);
  });
  server.on('connection', () => source.connections++);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const source: HttpSource = {
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    asked: [],
    connections: 0,
    answer: (next) => void (handler = next),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return source;
};
