// The header of a message or of a part of one (RFC 5322 2.2, RFC 2046 5.1), looked at without taking it apart.

/** Where the body begins, after the empty line; the length where there is none. @param entity with CRLF line ends */
export const bodyAt = (entity: Buffer): number => {
  if (entity.subarray(0, 2).toString('latin1') === '\r\n') return 2;
  const end = entity.indexOf('\r\n\r\n');
  return end < 0 ? entity.length : end + 4;
};

/**
 * @param head with CRLF line ends
 * @param name in lower case
 * @returns the values of every field of this name, unfolded, in their order
 */
export const valuesIn = (head: string, name: string): string[] => {
  const field = new RegExp(`(?:^|\\r\\n)${name}[ \\t]*:([^\\r]*(?:\\r\\n[ \\t][^\\r]*)*)`, 'gi');
  return [...head.matchAll(field)].map(([, value = '']) => value.replace(/\r\n/g, '').trim());
};
