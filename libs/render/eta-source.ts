// One Eta source: compiled once, its errors placed by line and column.
import { parse } from 'acorn';
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

export type Compiled = (data: Record<string, unknown>) => string;

/** What `<%= %>` does with a value: html is escaped, a subject or a text is not html. */
export type Escaping = 'html' | 'none';

/** A value that is missing must not go out as the word "undefined"; optional ones are written `it.x ?? ''`. */
const requireValue = (value: unknown): string => {
  if (value === undefined || value === null) throw new TypeError('the value is missing');
  if (Array.isArray(value)) return value.map(requireValue).join(',');
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  throw new TypeError(`the value is of type ${typeof value}, not a text`);
};

/** Without these two Eta reads no files: include() and layout() find nothing. `debug` places errors. */
const createEngine = (autoEscape: boolean): Eta =>
  Object.assign(new Eta({ autoEscape, autoFilter: true, filterFunction: requireValue, debug: true }), {
    readFile: null,
    resolvePath: null,
  });

const ENGINES: Record<Escaping, Eta> = { html: createEngine(true), none: createEngine(false) };

const at = (source: string, offset: number): { line: number; column: number } => {
  const before = source.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
};

const offsetOfLine = (source: string, line: number): number =>
  source
    .split('\n')
    .slice(0, line - 1)
    .reduce((sum, text) => sum + text.length + 1, 0);

/** Eta ends its message with ` at line 3 col 7:` and an excerpt. */
const placedByEta = (message: string): TemplateFault | undefined => {
  const [, text, line, column] = /^(.*?) at line (\d+) col (\d+):/s.exec(message) ?? [];
  return text === undefined ? undefined : new TemplateFault(text, Number(line), Number(column));
};

/** Finds the place in the template of an offset in the code that Eta made of it. */
const placeOfCode = (source: string, code: string, offset: number): { line: number; column: number } | undefined => {
  const marks = [...code.slice(0, offset).matchAll(/__eta\.line=(\d+)\n(?:__eta\.res\+=(?:__eta\.\w\()*)?/g)];
  const mark = marks.at(-1);
  if (mark === undefined) return undefined;
  const lineStart = offsetOfLine(source, Number(mark[1]));
  const contentStart = mark.index + mark[0].length;
  const content = code.slice(contentStart, Math.max(contentStart, offset));
  const tag = source.indexOf('<%', lineStart);
  const found = source.indexOf(content.slice(0, 40), Math.max(tag, 0));
  return at(source, found < 0 ? Math.max(tag, lineStart) : found + content.length);
};

/** @throws TemplateFault where Eta or JavaScript does not understand the source */
const toCode = (source: string, eta: Eta): string => {
  let code: string;
  try {
    code = eta.compileToString(source);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw placedByEta(message) ?? new TemplateFault(message);
  }
  try {
    parse(code, { ecmaVersion: 2023, allowReturnOutsideFunction: true });
  } catch (error) {
    if (!(error instanceof SyntaxError) || !('pos' in error)) throw error;
    const place = placeOfCode(source, code, Number(error.pos));
    throw new TemplateFault(error.message.replace(/ \(\d+:\d+\)$/, ''), place?.line, place?.column);
  }
  return code;
};

/** @throws TemplateFault with the place of the first error */
export const checkSource = (source: string, escaping: Escaping): void => void toCode(source, ENGINES[escaping]);

/** A fault while a template ran: Eta's message begins with the line; the column is that of the tag. */
const placedAtRun = (source: string, error: unknown): TemplateFault => {
  if (!(error instanceof Error)) return new TemplateFault(String(error));
  const cause = error.cause instanceof Error ? error.cause : error;
  const line = Number(/^line (\d+)\n/.exec(error.message)?.[1]);
  if (!Number.isInteger(line)) return new TemplateFault(cause.message);
  const lineStart = offsetOfLine(source, line);
  const tag = source.indexOf('<%', lineStart);
  const content = /^<%[-_]?\s*[=~]?\s*(.*?)\s*[-_]?%>/s.exec(source.slice(tag))?.[1] ?? '';
  const place = at(source, Math.max(tag, lineStart));
  return new TemplateFault(`${cause.message}: ${content.slice(0, 100)}`, place.line, place.column);
};

/**
 * Compiles a source.
 * @returns a function that throws TemplateFault where the data does not fit
 * @throws TemplateFault
 */
export const compileSource = (source: string, escaping: Escaping): Compiled => {
  const eta = ENGINES[escaping];
  toCode(source, eta);
  const compiled = eta.compile(source);
  return (data) => {
    try {
      return eta.render(compiled, data);
    } catch (error) {
      throw placedAtRun(source, error);
    }
  };
};
