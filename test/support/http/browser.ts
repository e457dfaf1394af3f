// A real browser for the tests in test/browser.
import { chromium, type Browser } from 'playwright-core';

const ARGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
    ' ',
  );

/** `npm test` finds Chromium, or leaves these tests out and says so loudly. */
export const startBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env['ROHRPOST_TEST_CHROMIUM'] ?? '/usr/bin/chromium', args: ARGS });
