// The type of a part (RFC 2045 5.1): read strictly, and whether it is one that only whoever composes may give.
import { withoutComments } from '../address/comments';

export interface MediaType {
  /** `type/subtype`, in lower case. */
  type: string;
  /** Names in lower case, each once; values without quotes. */
  parameters: [name: string, value: string][];
}

const TOKEN = String.raw`[\w!#$&'*+.^{|}~-]+`;
const HEAD = new RegExp(`^\\s*(${TOKEN}/${TOKEN})\\s*`);
const PARAMETER = new RegExp(`;\\s*(?:(${TOKEN})\\s*=\\s*(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")\\s*)?`, 'y');

/**
 * Comments are left out; of two parameters with one name the first counts.
 * @returns undefined for what is none, has characters beyond ASCII, or encoded parameters (RFC 2231)
 */
export const readMediaType = (given: string): MediaType | undefined => {
  const text = /^[ -~]*$/.test(given) ? (withoutComments(given) ?? '') : '';
  const [head, type] = HEAD.exec(text) ?? [];
  if (head === undefined || type === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (let at = head.length; at < text.length; at = PARAMETER.lastIndex) {
    PARAMETER.lastIndex = at;
    const found = PARAMETER.exec(text);
    if (found === null) return undefined;
    const [, name, token, quoted] = found;
    if (name === undefined) continue;
    if (name.includes('*')) return undefined;
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, token ?? (quoted ?? '').replace(/\\(.)/g, '$1'));
  }
  return { type: type.toLowerCase(), parameters: [...parameters] };
};

/**
 * A part of such a type is made of parts or is a message itself (RFC 2046 5): it may not be encoded, and readers take it
 * apart instead of giving back its bytes.
 */
export const isComposite = (type: string): boolean => /^(multipart|message)\//i.test(type);
