// Style sheets written to the elements that they are about.
import { readFile } from 'node:fs/promises';
import { initWasm, inline } from '@css-inline/css-inline-wasm';

/**
 * Must have been waited for once in a thread. WebAssembly and not css-inline's native library: html nested some thousand deep
 * overflows its stack, which ends the process there, and only the thread's work here.
 */
export const openInlining = async (): Promise<void> => {
  const bytes = await readFile(require.resolve('@css-inline/css-inline-wasm/index_bg.wasm'));
  // Its types name the bytes alone, a way that it calls deprecated on the console.
  await initWasm({ module_or_path: bytes });
};

/**
 * Rules that no element can carry (media queries: phones, dark mode) stay in a style sheet. Nothing is fetched.
 * @throws WebAssembly.RuntimeError where the html or a selector is nested too deep; it cannot be used again in this thread
 */
export const withInlineCss = (html: string): string =>
  inline(html, { loadRemoteStylesheets: false, keepAtRules: true });
