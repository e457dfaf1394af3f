// Where an answer sends us: followed a few times, never out of https. Where it leads to is checked like any other address.
import { notAllowed } from './failure';

const MOST_REDIRECTS = 3;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * @param hops how many were followed before
 * @returns undefined where the answer sends nowhere
 * @throws FetchFailure `refused` where nobody should go
 */
export const redirectOf = (url: URL, status: number, location: string | undefined, hops: number): URL | undefined => {
  if (!REDIRECTS.has(status) || location === undefined) return undefined;
  if (hops >= MOST_REDIRECTS) throw notAllowed(url, `redirects for the ${MOST_REDIRECTS + 1}th time`);
  const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  if (next === undefined) throw notAllowed(url, 'redirects to something that is no address');
  if (url.protocol === 'https:' && next.protocol !== 'https:') throw notAllowed(url, 'redirects out of https');
  return next;
};
