// Comments in structured header fields (RFC 5322 3.2.2): where they begin and end, and the value without them.

const QUOTED = /"(?:[^"\\]|\\.)*"/y;

/** Where the comment ends that begins at `from`; they nest, and a backslash takes the next character's meaning away. */
const endOfComment = (value: string, from: number): number | undefined => {
  let depth = 0;
  for (let at = from; at < value.length; at++) {
    const char = value[at];
    if (char === '\\') at++;
    else if (char === '(') depth++;
    else if (char === ')' && --depth === 0) return at + 1;
  }
  return undefined;
};

/**
 * @param value unfolded
 * @param instead what stands in the place of each comment, given what is between its parentheses
 * @returns undefined where a comment or a quoted string never ends, or a comment ends that never began
 */
export const replaceComments = (value: string, instead: (comment: string) => string): string | undefined => {
  let rest = '';
  for (let at = 0; at < value.length;) {
    const char = value[at] ?? '';
    if (char === ')') return undefined;
    if (char === '"') {
      QUOTED.lastIndex = at;
      const [quoted] = QUOTED.exec(value) ?? [];
      if (quoted === undefined) return undefined;
      rest += quoted;
      at += quoted.length;
    } else if (char === '(') {
      const end = endOfComment(value, at);
      if (end === undefined) return undefined;
      rest += instead(value.slice(at + 1, end - 1));
      at = end;
    } else {
      rest += char;
      at++;
    }
  }
  return rest;
};

/** A value without its comments: each is as good as a space. */
export const withoutComments = (value: string): string | undefined => replaceComments(value, () => ' ');
