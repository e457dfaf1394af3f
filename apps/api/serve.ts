// The API's HTTP server: how it listens, and how it stops without cutting anybody off.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createGentleClose, type GentleClose } from '../../libs/runtime/gentle-close';
import type { Lifecycle } from '../../libs/runtime/lifecycle';
import type { ApiConfig } from './config';
import { LINES_TYPE } from './http/endpoint/body';

/** Of the grace, for what has to be closed after the last answer. ms */
const REST_MS = 1_000;
/** A client that asks again at once does so within this, also over a slow line. ms */
const QUIET_MS = 500;

/** A body is whole within this; of a stream of lines something moves within the other. ms */
const BODY_MS = 120_000;
const STILL_MS = 60_000;

/** Slow clients hold a socket no longer than its bounds; Node's own `requestTimeout` would end streams as well. */
const boundTime = (request: IncomingMessage, response: ServerResponse): void => {
  const { headers, socket } = request;
  if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return;
  if (headers['content-type']?.startsWith(LINES_TYPE) === true) {
    const end = (): void => void socket.destroy();
    socket.setTimeout(STILL_MS, end);
    response.once('close', () => socket.setTimeout(0, end));
    return;
  }
  const timer = setTimeout(() => {
    if (request.complete) return;
    // As Node's own bound answers (RFC 9110 15.5.9).
    if (!response.headersSent) socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
    socket.destroySoon();
  }, BODY_MS);
  response.once('close', () => clearTimeout(timer));
};

/**
 * `/readyz` says 503 by now (health.ts). Whoever balances load has `stopDelay` to hear of it; then nobody new is let in, and
 * those who are in are let go of one by one.
 */
const stopServing = async (config: ApiConfig, gentle: GentleClose, left: number): Promise<void> => {
  const delay = Math.min(config.stopDelay, left / 2);
  await pause(delay);
  await gentle.close(Math.min(QUIET_MS, delay), Math.max(0, left - delay - REST_MS));
};

/**
 * @returns the port that it listens on
 * @throws Error where it is taken
 */
export const serve = async (config: ApiConfig, app: RequestListener, lifecycle: Lifecycle): Promise<number> => {
  const server = createServer(app);
  server.headersTimeout = 10_000;
  server.requestTimeout = 0;
  server.prependListener('request', boundTime);
  server.keepAliveTimeout = 65_000;
  const gentle = createGentleClose(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  lifecycle.add({ name: 'http server', stop: (left) => stopServing(config, gentle, left) });
  return port;
};
