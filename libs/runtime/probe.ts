// A small HTTP server for orchestrators and Prometheus: is this process alive, is it ready, what does it count.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from './fault';

export interface Probe {
  port: number;
  close(): Promise<void>;
}

/**
 * Serves `/livez` (always 200 while the process runs), `/readyz` (200 or 503 with the problems found) and `/metrics`.
 * @param deps.ready gives what is wrong; nothing wrong means ready
 */
export const startProbe = async (deps: {
  port: number;
  host: string;
  ready: () => Promise<string[]>;
  /** What is told to Prometheus. */
  metrics: { text(): Promise<string>; contentType: string };
}): Promise<Probe> => {
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === '/livez') return answer(200, { status: 'ok' });
    if (request.url === '/metrics') {
      return void deps.metrics.text().then(
        (text) => response.writeHead(200, { 'content-type': deps.metrics.contentType }).end(text),
        () => response.destroy(),
      );
    }
    if (request.url !== '/readyz') return answer(404, { status: 'not found' });
    deps
      .ready()
      .catch((error: unknown) => [messageOf(error)])
      .then(
        (problems) => answer(problems.length === 0 ? 200 : 503, { problems }),
        () => response.destroy(),
      );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(deps.port, deps.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
};
