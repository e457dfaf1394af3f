// Which domains of refused addresses are typos of others: by what mail was delivered to, and by the large providers.
import { distance } from 'fastest-levenshtein';

/** Where most people have their mailboxes, the most used first. */
const WELL_KNOWN =
  'gmail.com outlook.com yahoo.com hotmail.com icloud.com gmx.de web.de t-online.de gmx.net googlemail.com outlook.de aol.com live.com freenet.de hotmail.de yahoo.de posteo.de mailbox.org proton.me protonmail.com me.com msn.com gmx.at gmx.ch bluewin.ch orange.fr free.fr wanadoo.fr laposte.net libero.it wp.pl arcor.de vodafone.de kabelmail.de'.split(
    ' ',
  );
/** Two letters that changed places are two edits. */
const MOST_EDITS = 2;
/** Of so many letters one may be wrong. */
const LETTERS_AN_EDIT = 4;

export interface DomainGuess {
  domain: string;
  /** Refused addresses of it. */
  count: number;
  /** What was probably meant, where something is near. */
  meant?: string;
}

const domainOf = (address: string): string =>
  address
    .slice(address.lastIndexOf('@') + 1)
    .replace(/>$/, '')
    .toLowerCase();

const tally = (addresses: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const domain of addresses.map(domainOf)) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  return counts;
};

const nearest = (domain: string, candidates: readonly string[]): string | undefined => {
  const allowed = Math.min(MOST_EDITS, Math.floor(domain.length / LETTERS_AN_EDIT));
  let best: { name: string; edits: number } | undefined;
  for (const name of candidates) {
    if (Math.abs(name.length - domain.length) > allowed) continue;
    const edits = distance(domain, name);
    if (edits <= allowed && edits < (best?.edits ?? Infinity)) best = { name, edits };
  }
  return best?.name;
};

/**
 * @param refused addresses that a server refused
 * @param delivered addresses that mail was delivered to
 * @returns the domains of the refused ones, the most frequent first
 */
export const guessDomains = (refused: readonly string[], delivered: readonly string[]): DomainGuess[] => {
  const known = tally(delivered);
  const byUse = [...known].sort(([, a], [, b]) => b - a).map(([name]) => name);
  const candidates = [...byUse, ...WELL_KNOWN.filter((name) => !known.has(name))];
  return [...tally(refused)]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([domain, count]) => {
      const meant = candidates.includes(domain) ? undefined : nearest(domain, candidates);
      return { domain, count, ...(meant !== undefined && { meant }) };
    });
};
