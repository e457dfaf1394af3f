// One Eta source: turned into the body of a function, as text; which of its places belong to which place of the source.
import { Eta } from 'eta';

/** A fault in a template, at a place counted from 1 where it is known. */
export class TemplateFault extends Error {
  override name = 'TemplateFault';
  constructor(
    message: string,
    readonly line?: number,
    readonly column?: number,
  ) {
    super(message);
  }
}

/** What `<%= %>` does with a value: html is escaped, a subject or a text is not html. */
export type Escaping = 'html' | 'none';

/** A place in a source; lines and columns count from 1. */
interface SourcePlace {
  line: number;
  column: number;
}

/** A tag of a source: the place of its `<%`, and what it runs. */
export interface Tag extends SourcePlace {
  code: string;
  /** It is no tag but text of a subject, with a line break or another control character at each of these places. */
  breaks?: SourcePlace[];
}

/** A stretch of the body that was written by the template's author. */
interface Stretch {
  body: number;
  source: number;
  length: number;
}

export interface Compiled {
  /** The body of `function (...PARAMETERS)`; nothing here ever evaluates it (runtime.ts does, in its sandbox). */
  body: string;
  tags: Tag[];
  /** The author's code in the body. */
  stretches: Stretch[];
}

/** What a template's code sees besides its data `it` and what the language has. */
export const TEMPLATE_FUNCTIONS = ['include', 'layout', 'output', 'capture', 'block'] as const;
export const PARAMETERS = ['it', '__eta', ...TEMPLATE_FUNCTIONS] as const;

/** Line breaks behind tags stay as they are written: by default Eta takes one away behind each. */
const eta = new Eta({ autoTrim: false });

/** A place in a text by its offset; both count from 1. */
export const placeAt = (source: string, offset: number): SourcePlace => {
  const before = source.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
};

/** The same for offsets that only grow, without counting from the beginning each time. */
const createSlots = (source: string): ((offset: number) => SourcePlace) => {
  let [line, start] = [1, 0];
  return (offset) => {
    for (let end = source.indexOf('\n', start); end >= 0 && end < offset; end = source.indexOf('\n', start)) {
      line++;
      start = end + 1;
    }
    return { line, column: offset - start + 1 };
  };
};

/** Eta ends its message with ` at line 3 col 7:` and an excerpt. */
const placedByEta = (message: string): TemplateFault => {
  const [, text, line, column] = /^(.*?) at line (\d+) col (\d+):/s.exec(message) ?? [];
  return text === undefined ? new TemplateFault(message) : new TemplateFault(text, Number(line), Number(column));
};

type Node = string | { t: string; val: string };

/** @throws TemplateFault where Eta finds no end of a tag, a string or a comment */
const parse = (source: string): Node[] => {
  try {
    return eta.parse(source);
  } catch (error) {
    throw placedByEta(error instanceof Error ? error.message : String(error));
  }
};

/** Code that continues a statement: nothing may stand before it. */
const CONTINUES = /^(case|default|else|catch|finally)\b/;

/**
 * What stands around a tag's code. The number of the tag is noted before its code runs, so that a fault at run time has
 * its place; as a part of the expression, so that an `if` without braces rules the whole of it, as in plain Eta.
 */
const around = (type: string, code: string, number: number, escaping: Escaping): [before: string, after: string] => {
  if (type === 'e') return [CONTINUES.test(code) ? '' : `__eta.tag=${number};`, '\n'];
  // A block that goes on over several tags: `<%~ block('foot', () => { %>...<% }) %>`.
  if (type === 'r' && code.endsWith('{')) return [`__eta.tag=${number};__eta.res+=`, ';\n'];
  const escape = type === 'i' && escaping === 'html' ? '__eta.e' : '';
  return [`__eta.res+=(__eta.tag=${number},${escape}(__eta.f(`, `)));\n`];
};

/** What no subject may have in it; a line end of two characters is one line break. */
const BREAKS = /\r\n|[\u0000-\u001f\u007f\u2028\u2029]/g;

/** The end of a tag, with what it takes away behind it. */
const TAG_END = /\s*(?:-%>(?:\r\n|\n|\r)?|_%>\s*|%>)/y;

/** Where text begins that follows a tag's code. */
const textAfter = (source: string, codeEnd: number): number => {
  TAG_END.lastIndex = codeEnd;
  return TAG_END.test(source) ? TAG_END.lastIndex : codeEnd;
};

/**
 * Compiles a source to text, in the way of Eta's `compileBody`; a string of it is already escaped by its parser.
 * @param oneLine what it writes must be one line: text with line breaks is numbered like a tag, so that they have a place
 * @throws TemplateFault
 */
export const compileSource = (source: string, escaping: Escaping, oneLine = false): Compiled => {
  const open = /<%[-_]?\s*[=~]?\s*/g;
  const placeOf = createSlots(source);
  const placeOfBreak = createSlots(source);
  const tags: Tag[] = [];
  const stretches: Stretch[] = [];
  let body = '';
  let textStart = 0;

  /** Where the source has line breaks between two tags. */
  const breaksFrom = (start: number): SourcePlace[] => {
    const end = source.indexOf('<%', start);
    const written = source.slice(start, end < 0 ? source.length : end);
    return [...written.matchAll(BREAKS)].map(({ index }) => placeOfBreak(start + index));
  };

  const writeText = (text: string): void => {
    const breaks = oneLine ? breaksFrom(textStart) : [];
    if (breaks[0] === undefined) return void (body += `__eta.res+='${text}';\n`);
    body += `__eta.res+=(__eta.tag=${tags.length},__eta.f('${text}'));\n`;
    tags.push({ ...breaks[0], code: '', breaks });
  };

  for (const node of parse(source)) {
    if (typeof node === 'string') {
      writeText(node);
      continue;
    }
    // Eta does not tell where a tag is; it looks for them just so.
    const found = open.exec(source);
    const start = open.lastIndex;
    const code = node.val ?? '';
    const [before, after] = around(node.t, code, tags.length, escaping);
    stretches.push({ body: body.length + before.length, source: start, length: code.length });
    tags.push({ ...placeOf(found?.index ?? start), code });
    body += before + code + after;
    open.lastIndex = start + code.length;
    textStart = textAfter(source, start + code.length);
  }
  return { body, tags, stretches };
};

/** The place in the source of an offset in the body: within the author's code, or right behind it. */
export const placeOfBody = (source: string, { stretches }: Compiled, offset: number): SourcePlace => {
  const stretch = stretches.filter(({ body }) => body <= offset).at(-1) ?? stretches[0];
  if (stretch === undefined) return { line: 1, column: 1 };
  const inside = Math.max(0, Math.min(offset - stretch.body, stretch.length));
  return placeAt(source, stretch.source + inside);
};

/** Whether an offset of the body is in code of the author. */
export const isAuthors = ({ stretches }: Compiled, offset: number): boolean => {
  let [low, high] = [0, stretches.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const stretch = stretches[middle];
    if (stretch === undefined || offset < stretch.body) high = middle - 1;
    else if (offset >= stretch.body + stretch.length) low = middle + 1;
    else return true;
  }
  return false;
};
