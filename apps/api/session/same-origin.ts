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
  const foreign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== request.get('Host')));
  if (foreign) throw new Problem('forbidden', 'this must be asked from a page of this address itself');
};
