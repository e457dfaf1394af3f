// A body that its handler reads as it comes, up to a bound.
import { Transform } from 'node:stream';
import type { Request } from 'express';
import { Problem } from '../../../../libs/mail/input/problem';

const tooLarge = (most: number): Problem => new Problem('too-large', `the upload is larger than ${most} bytes`);

/** Passes bytes through, up to a limit. */
const limited = (most: number): Transform => {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > most) done(tooLarge(most));
      else done(null, chunk);
    },
  });
};

/** @throws Problem `too-large` where the request says beforehand that it is */
export const requireShort = (request: Request, most: number): void => {
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge(most);
};

/**
 * @param most bytes
 * @returns the body; its error is a Problem where it is too large or was broken off
 * @throws Problem `too-large` where the request says so beforehand
 */
export const limitedBody = (request: Request, most: number): Transform => {
  requireShort(request, most);
  const body = request.pipe(limited(most));
  // Whoever reads the body is told; until then an aborted upload must not end the process.
  body.on('error', () => undefined);
  request.once('error', (error) => body.destroy(error));
  request.once('aborted', () => body.destroy(new Problem('bad-request', 'the upload ended before it was whole')));
  return body;
};
