// Another site's page cannot act with what a browser remembers for this one: a session, or a password.
import type { Request } from 'express';
import { Problem } from '../../../libs/mail/input/problem';

/**
 * Browsers say where a request comes from (Fetch Metadata; Origin of RFC 6454 7); whoever says nothing is no browser.
 * @throws Problem `forbidden` where it would change something and comes from elsewhere
 */
export const refuseForeign = (request: Request): void => {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const site = request.get('Sec-Fetch-Site');
  const origin = request.get('Origin');
  const isForeignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  // `null` stands for any origin that is not told; the browser that says so says by the site whether it is this one.
  const isUntold = origin === 'null' && site === 'same-origin';
  const isForeignOrigin =
    origin !== undefined && !isUntold && (!URL.canParse(origin) || new URL(origin).host !== request.get('Host'));
  if (isForeignSite || isForeignOrigin)
    throw new Problem('forbidden', 'this must be asked from a page of this address itself');
};
