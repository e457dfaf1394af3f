// Large bodies that are in work at once are bounded, in all and for each tenant: read, parsed and decoded they take several times their size.
import type { RequestHandler } from 'express';
import { Problem } from '../../../libs/mail/input/problem';
import type { Identity } from '../../../libs/mail/settings/api-key';
import { identityOf } from './auth';

/** Smaller ones are not counted: connections bound them. Bytes. */
const SMALL = 256 * 1024;
/** In all, so many of the largest bodies at once; each tenant half of them. */
const LARGEST_AT_ONCE = 4;

/**
 * @param maxBody bytes of a request
 * @throws Problem `unavailable` where it has to be tried again in a moment
 */
export const boundBodies = (maxBody: number): RequestHandler => {
  const most = LARGEST_AT_ONCE * maxBody;
  const inWork = new Map<string, number>();
  let total = 0;

  return (request, response, next) => {
    const { headers } = request;
    // Whoever does not say how much comes may send as much as anybody.
    const size = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : maxBody;
    if (size <= SMALL || size > maxBody) return next();
    const identity = identityOf(response) as Identity | undefined;
    const who = identity?.tenant ?? '';
    const own = inWork.get(who) ?? 0;
    if (total + size > most || own + size > most / 2) {
      throw new Problem(
        'unavailable',
        `${own + size > most / 2 ? 'your' : 'the'} large requests that are in work are too much together: try again in a moment, ` +
          'with the same Idempotency-Key if you gave one; upload attachments to /content, which is not bounded so',
      );
    }
    total += size;
    inWork.set(who, own + size);
    response.once('close', () => {
      total -= size;
      const left = (inWork.get(who) ?? 0) - size;
      if (left > 0) inWork.set(who, left);
      else inWork.delete(who);
    });
    next();
  };
};
