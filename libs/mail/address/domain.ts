// The domain of an address by the grammar of mail (RFC 5321 4.1.2), in the form that is asked for at RCPT.
import { domainToASCII, domainToUnicode } from 'node:url';

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** Characters of a domain as people write it; in ASCII it has 253 at most. Normalizing longer texts takes minutes. */
const LONGEST = 1_000;

/** A lone number at the end would be the end of an IPv4 address: no top-level domain is one (RFC 3696 2). */
const NUMBER = /^\d+$/;

/**
 * A label wide of ASCII as the DNS has it (RFC 5891 4.4). node's conversion is that of URLs: it also decodes percent signs,
 * ends at a slash, drops characters and reads some as others. It counts only where the way back gives what was written, but
 * for case and composition (RFC 5895 2).
 */
const wideLabel = (label: string): string | undefined => {
  const ascii = domainToASCII(label);
  return domainToUnicode(ascii) === label.toLowerCase().normalize('NFC') ? ascii : undefined;
};

/** What begins with `xn--` must be the encoding of something (RFC 5890 2.3.2.1). */
const isLabel = (label: string): boolean =>
  LABEL.test(label) && (!/^xn--/i.test(label) || domainToASCII(label) === label.toLowerCase());

/**
 * The labels of a dot-atom, those wide of ASCII encoded (`xn--...`), in lower case. Address literals (`[192.0.2.1]`) are no
 * domains here.
 * @returns undefined where it is no domain that an address may have
 */
export const asciiDomain = (domain: string): string | undefined => {
  if (domain.length > LONGEST) return undefined;
  const labels = domain.split('.').map((label) => (/^[ -~]*$/.test(label) ? label : (wideLabel(label) ?? '')));
  const ascii = labels.join('.').toLowerCase();
  return ascii.length <= 253 && labels.every(isLabel) && !NUMBER.test(labels.at(-1) ?? '') ? ascii : undefined;
};
