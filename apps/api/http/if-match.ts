// Reads the header If-Match: which versions of a resource a request may change.
import { Problem } from '../../../libs/mail/input/problem';

const MALFORMED =
  'the header If-Match is not readable, so nothing was changed: send the ETag of the answer that you read, like "3", or *, or leave it out';

// entity-tag of RFC 9110 8.8.3; without the quotes many clients send it, so that is taken too, as long as it is one word.
const TAG = /^(?:W\/)?(?:"([!#-~\u0080-\u00ff]*)"|(?!W\/$)([!#-)+\--~]+))$/;

/** '*' for any version that exists, undefined where there is no such header. */
export type IfMatch = '*' | string[] | undefined;

/**
 * The versions that a request names, without quotes; compare them with the ETag's own text.
 * A weak tag counts as its strong one: our ETags name what is stored, not the bytes of an answer, and proxies that compress
 * answers make them weak on their way.
 * @param header as Node gives it; several headers are joined by commas there
 * @throws Problem `malformed-if-match`
 */
export const parseIfMatch = (header: string | undefined): IfMatch => {
  if (header === undefined) return undefined;
  if (header.trim() === '*') return '*';
  if (header.length > 1_000) throw new Problem('malformed-if-match', MALFORMED);
  // Commas stand inside quotes as well as between tags; empty members of a list are no fault (RFC 9110 5.6.1.2).
  const members = header.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).map((one) => one.trim());
  const tags = members
    .filter((one) => one !== '')
    .map((one) => {
      const [, quoted, bare] = TAG.exec(one) ?? [];
      const tag = quoted ?? bare;
      if (tag === undefined) throw new Problem('malformed-if-match', MALFORMED);
      return tag;
    });
  if (tags.length === 0) throw new Problem('malformed-if-match', MALFORMED);
  return tags;
};
