// Whoever is answered before his request is whole is heard to its end, so that the next one on his connection is understood.
import type { RequestHandler } from 'express';

/**
 * An answer may come early: a wrong key, an upload that is too large, a full disk. What is left of the body would then stand
 * where the next request is expected, and a connection that nobody reads hangs. So the rest is read and thrown away; who
 * sends more than that is cut off. How long it may take is bounded by the server (serve.ts).
 * @param most bytes that are read in vain
 */
export const readWholeBody =
  (most: number): RequestHandler =>
  (request, response, next) => {
    const { headers } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return next();
    response.once('finish', () => {
      if (request.readableEnded || request.destroyed) return;
      let seen = 0;
      request.unpipe();
      request.removeAllListeners('data');
      request.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        if (seen > most) request.socket.destroy();
      });
      request.on('error', () => undefined);
      request.resume();
    });
    next();
  };
