// Large bodies that are in work at once are bounded, in all and for each tenant: read, parsed and decoded they take several times their size.
import type { RequestHandler, Response } from 'express';
import { Problem } from '../../../libs/mail/input/problem';
import type { Identity } from '../../../libs/mail/settings/api-key';
import { identityOf } from './auth';

/** Smaller ones are not counted: connections bound them. Bytes. */
export const SMALL_BODY = 256 * 1024;
/** In all, so many of the largest bodies at once; each tenant half of them. */
const LARGEST_AT_ONCE = 4;

export interface BodiesInWork {
  /** Bytes of the largest one. */
  largest: number;
  /** @returns gives the room back; or what is full: the tenant's part, or all of it */
  take(tenant: string, bytes: number): (() => void) | 'own' | 'all';
}

/** @param maxBody bytes of a request */
export const createBodiesInWork = (maxBody: number): BodiesInWork => {
  const most = LARGEST_AT_ONCE * maxBody;
  const inWork = new Map<string, number>();
  let total = 0;
  return {
    largest: maxBody,
    take(tenant, bytes) {
      const own = inWork.get(tenant) ?? 0;
      if (own + bytes > most / 2) return 'own';
      if (total + bytes > most) return 'all';
      total += bytes;
      inWork.set(tenant, own + bytes);
      return () => {
        total -= bytes;
        const left = (inWork.get(tenant) ?? 0) - bytes;
        if (left > 0) inWork.set(tenant, left);
        else inWork.delete(tenant);
      };
    },
  };
};

/** Whose part of the room it is; the operator's where no tenant asks. */
export const tenantOf = (response: Response): string => (identityOf(response) as Identity | undefined)?.tenant ?? '';

/** @throws Problem `unavailable` where it has to be tried again in a moment */
export const boundBodies =
  (bodies: BodiesInWork): RequestHandler =>
  (request, response, next) => {
    const { headers } = request;
    // Whoever does not say how much comes may send as much as anybody.
    const size = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : bodies.largest;
    if (size <= SMALL_BODY || size > bodies.largest) return next();
    const giveBack = bodies.take(tenantOf(response), size);
    if (typeof giveBack === 'string') {
      throw new Problem(
        'unavailable',
        `${giveBack === 'own' ? 'your' : 'the'} large requests that are in work are too much together: try again in a moment, ` +
          'with the same Idempotency-Key if you gave one; upload attachments to /content, which is not bounded so',
      );
    }
    response.once('close', giveBack);
    next();
  };
