// Style sheets written to the elements that they are about, within bounds of time and memory.
import { readFile } from 'node:fs/promises';
import { initWasm, inline } from '@css-inline/css-inline-wasm';
import { withMostMemory } from './wasm-memory';

/** Selectors and declarations, times elements: each is tried on each. A newsletter has some hundred thousand. */
const MOST_WORK = 10_000_000;
/** Pages of 64 KiB: 256 MiB, four times what 5 MiB of html need. */
const MOST_PAGES = 4_096;

/** Html that is not inlined; the message is for its author. */
export class InliningRefused extends Error {
  override name = 'InliningRefused';
}

/**
 * Must have been waited for once in a thread. WebAssembly and not css-inline's native library: a thread in native code cannot be
 * ended, and html nested some thousand deep overflows its stack, which ends the process there, and only the thread's work here.
 */
export const openInlining = async (): Promise<void> => {
  const bytes = await readFile(require.resolve('@css-inline/css-inline-wasm/index_bg.wasm'));
  // Its types name the bytes alone, a way that it calls deprecated on the console.
  await initWasm({ module_or_path: withMostMemory(bytes, MOST_PAGES) });
};

/** Counts in one pass what a parser could find at most; what stands in comments or strings counts, too. */
const countSheet = (css: string): { selectors: number; declarations: number } => {
  let [selectors, declarations, commas] = [0, 0, 0];
  for (const char of css) {
    if (char === ',') commas++;
    else if (char === '{') selectors += 1 + commas;
    else if (char === ';' || char === '}') declarations++;
    if (char === '{' || char === ';' || char === '}') commas = 0;
  }
  return { selectors, declarations };
};

/** What stands between `<style` and `</style`. Linear, whatever the html is like. */
const sheetsOf = (html: string): string => {
  const lower = html.toLowerCase();
  const sheets: string[] = [];
  for (let end = 0; ;) {
    const start = lower.indexOf('<style', end);
    if (start < 0) return sheets.join('');
    end = lower.indexOf('</style', start);
    if (end < 0) end = lower.length;
    sheets.push(lower.slice(start, end));
  }
};

/** @throws InliningRefused where rules and elements together are too much work */
const requireBounded = (html: string): void => {
  const { selectors, declarations } = countSheet(sheetsOf(html));
  const elements = html.match(/<[a-z]/gi)?.length ?? 0;
  if ((selectors + declarations) * elements <= MOST_WORK) return;
  const counted = `${selectors} selectors and ${declarations} declarations for ${elements} elements`;
  throw new InliningRefused(
    `inlineCss has too much to do: the html has ${counted}, and selectors and declarations times elements may be ` +
      `${MOST_WORK} at most. Take out rules that the email does not use, make it shorter, or write the styles to its ` +
      `elements yourself and leave inlineCss out`,
  );
};

/**
 * Rules that no element can carry (media queries: phones, dark mode) stay in a style sheet. Nothing is fetched.
 * @throws InliningRefused before anything is done; WebAssembly.RuntimeError where the html or a selector is nested too deep or
 * the memory is used up: it cannot be used again in this thread then
 */
export const withInlineCss = (html: string): string => {
  requireBounded(html);
  return inline(html, { loadRemoteStylesheets: false, keepAtRules: true });
};
